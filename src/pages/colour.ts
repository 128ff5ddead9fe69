/** Colours of the style sheet for what is drawn on a canvas: light-dark() and var() resolved for the look of now. */

/** `name` is a custom property of tokens.css, `--train` say. Read it again when the look changes. */
export function colourOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(${name})`;
  document.documentElement.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
