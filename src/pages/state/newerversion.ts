/** Whether the server has another version of this page than this tab. Its files may be gone from the server then, so nothing here is loaded later. */

const ANSWER_WITHIN_MS = 10_000;
const SENTENCE =
  'The server has a newer version of this page. Training goes on here, but new tabs cannot take part before every old tab is reloaded; download the model first.';

/**
 * Asks the server for the page. Returns a sentence if its scripts are others than this tab's, else ''; also '' if the
 * server does not answer, because the tab then cannot know.
 */
export async function newerVersion(): Promise<string> {
  const page = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) })
    .then((response) => (response.ok ? response.text() : ''))
    .catch(() => '');
  const scripts = [...document.querySelectorAll('script[type="module"][src]')].map((one) => one.getAttribute('src'));
  return page === '' || scripts.every((script) => page.includes(`"${script}"`)) ? '' : SENTENCE;
}
