/** The page "Your chip" as a whole: the button, and this device's card beside those that are kept. */
import { CARD_PARTS, type Card, cardText } from '../../worker/chip/chipclient';
import { Banner } from '../parts/banner';
import { saveFile } from '../parts/savefile';
import { figure, fileName, groupsOf } from './cards';
import { type ChipDesk, KEPT_CARDS } from './desk';
import { words } from './words';

export function App({ desk }: { readonly desk: ChipDesk }) {
  const card = desk.card.value;
  const part = desk.part.value;
  return (
    <main class="chip">
      <header>
        <a class="chip-brand" href="./index.html">
          {words.brand}
        </a>
        <h1>{words.heading}</h1>
        <p class="note">{words.what}</p>
      </header>
      <Banner kind="problem" sentence={desk.problem.value} onDismiss={() => (desk.problem.value = '')} />
      <div class="chip-buttons" translate={false}>
        {part ? (
          <button type="button" class="button" onClick={() => desk.stop()}>
            {words.stop}
          </button>
        ) : (
          <button type="button" class={card ? 'button' : 'button-big'} onClick={() => void desk.measure()}>
            {card ? words.again : words.measure}
          </button>
        )}
        {card && (
          <button
            type="button"
            class="button"
            onClick={() => saveFile(fileName(card), cardText(card), 'application/json')}
          >
            {words.save}
          </button>
        )}
        <p class="note" role="status">
          {part && (
            <>
              <progress max={CARD_PARTS.length} value={CARD_PARTS.indexOf(part)} aria-hidden="true" />{' '}
              {words.measuring(part)}
            </>
          )}
        </p>
      </div>
      <Cards own={card} />
    </main>
  );
}

function Cards({ own }: { readonly own: Card | null }) {
  const cards = [...(own ? [own] : []), ...KEPT_CARDS];
  if (cards.length === 0) return null;
  return (
    <div class="card" translate={false}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a wide table is scrolled by the keyboard, too */}
      <section class="chip-scroll" tabIndex={0} aria-label={words.table}>
        <table>
          <thead>
            <tr>
              <td />
              {cards.map((card) => (
                <th key={card} scope="col">
                  {card === own && <b>{words.here}</b>}
                  <span>{card.adapter}</span>
                  {card.software && <em>{words.software}</em>}
                  <small>{words.measuredBy(card.by, card.date)}</small>
                </th>
              ))}
            </tr>
          </thead>
          {groupsOf(cards).map(({ heading, rows }) => (
            <tbody key={heading}>
              <tr>
                <th scope="rowgroup" colSpan={cards.length + 1}>
                  {heading}
                </th>
              </tr>
              {rows.map(({ label, values }) => (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  {values.map((value, i) => (
                    <td key={i}>{figure(value)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          ))}
        </table>
      </section>
      <p class="note">{words.absentNote}</p>
    </div>
  );
}
