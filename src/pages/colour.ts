/** Resolves colours of the style sheet for drawing on a canvas: light-dark() and var() in the current look. */

/** `name` is a custom property of tokens.css, for example `--train`. Read it again when the look changes. */
export function colourOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.documentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
