/** The head above every scene: its claim, the source of its figures, and the buttons to a training room. */
import { count } from '../../state/format';
import type { StagedMoment } from '../facts/moment';
import type { Guess } from '../show/guess';
import { commonPace, crowdedOf, PACE_MS } from '../show/pacing';
import type { Show } from '../show/show';
import { words } from '../words';
import { guessWords } from '../words/questions';
import { RoomBar } from './roombar';

interface Props {
  readonly show: Show;
  readonly guess: Guess;
}

export function StageHead({ show, guess }: Props) {
  return (
    <div class="stage-head">
      <h1 id="claim">{words.scenes[show.scene.value].claim}</h1>
      {!show.hidden.value && <RoomBar show={show} />}
      <Marks show={show} guess={guess} />
    </div>
  );
}

/** Marks for figures that are not plain measurements: expected, measured earlier, or paced. */
function Marks({ show, guess }: Props) {
  const moment = show.stage.value;
  const pace = commonPace(moment.ranks);
  const crowded = show.live.value?.crowded.value.length ?? 0;
  // why from the ranks of a recording: its tabs are not in this room
  const sharing = moment.kind === 'recorded' ? sharersOf(moment.ranks).length : crowded;
  const { marks } = words;
  const source = sourceOf(moment);
  const canAsk = guess.question.value === null && guess.questionsOf(show.scene.value).length > 0;
  return (
    <p class="marks" role="status">
      {source !== '' && <span class={`mark mark-${moment.source}`}>{source}</span>}
      {pace > 0 && <span>{sharing > 1 ? marks.paced(pace, sharing) : marks.slowed(pace)}</span>}
      {show.steers.value && crowded > 1 && (
        <button
          type="button"
          class="button button-quiet"
          onClick={() => show.pacing.set(show.pacing.paceMs.value > 0 ? 0 : PACE_MS)}
        >
          {show.pacing.paceMs.value > 0 ? marks.bare : marks.pace}
        </button>
      )}
      {show.steers.value && canAsk && (
        <button type="button" class="button button-quiet" onClick={() => guess.next()}>
          {guessWords.ask}
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
