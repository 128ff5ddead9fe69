/** The head above every scene: its claim, the source of its figures, and the buttons to a training room. */
import { count } from '../../state/format';
import { isSoftware } from '../../state/people';
import type { StagedMoment } from '../facts/moment';
import { crowdedOf, PACE_MS, pacedTo, slowLinksOf } from '../show/pacing';
import type { Show } from '../show/show';
import { words } from '../words';
import { FollowLine } from './follow';
import { RoomBar } from './roombar';

export function StageHead({ show }: { readonly show: Show }) {
  return (
    <div class="stage-head">
      <h1 id="claim">{words.scenes[show.scene.value].claim}</h1>
      {!show.hidden.value && <RoomBar show={show} />}
      <Marks show={show} />
      {show.embed !== '' && <FollowLine show={show} />}
    </div>
  );
}

/** Marks for figures that are not plain measurements: expected, measured earlier, paced, or of a software adapter. */
function Marks({ show }: { readonly show: Show }) {
  const moment = show.stage.value;
  const pace = pacedTo(moment.ranks);
  const links = slowLinksOf(moment.ranks);
  const crowded = show.live.value?.crowded.value.length ?? 0;
  // why from the ranks of a recording: its tabs are not in this room
  const sharing = moment.kind === 'recorded' ? sharersOf(moment.ranks).length : crowded;
  const { marks } = words;
  const source = sourceOf(moment);
  const software = moment.ranks.some(({ adapter }) => isSoftware(adapter));
  return (
    <p class="marks" role="status">
      {source !== '' && <span class={`mark mark-${moment.source}`}>{source}</span>}
      {pace && <span>{sharing > 1 ? marks.paced(pace, sharing, software) : marks.slowed(pace)}</span>}
      {software && !(pace && sharing > 1) && <span>{marks.software}</span>}
      {links && <span>{marks.links(links)}</span>}
      {show.steers.value && crowded > 1 && (
        <button
          type="button"
          class="button button-quiet"
          onClick={() => show.pacing.set(show.pacing.paceMs.value > 0 ? 0 : PACE_MS)}
        >
          {show.pacing.paceMs.value > 0 ? marks.bare : marks.pace}
        </button>
      )}
    </p>
  );
}

const sharersOf = (ranks: StagedMoment['ranks']) =>
  crowdedOf(new Map(ranks.map(({ peer, machine }) => [peer, machine])));

function sourceOf(moment: StagedMoment): string {
  const { marks } = words;
  if (moment.source === 'before') return marks.before(count(Math.round((Date.now() - moment.takenMs!) / 1000)));
  return moment.source === 'now' ? '' : marks[moment.source];
}
