/** Color, on glyphs only: every glyph stands beside its word, so nothing is lost without it. */
const GREEN = 32;
const YELLOW = 33;
const RED = 31;
const CYAN = 36;

const COLORS: Readonly<Record<string, number>> = {
  '✓': GREEN,
  '+': GREEN,
  '✗': RED,
  '↩': RED,
  '◐': CYAN,
  '○': CYAN,
  '‖': YELLOW,
  '~': YELLOW,
  '?': YELLOW,
  '!': RED,
};

/** Signs that also occur in sentences count only at the start of a line or a column. */
const GLYPHS = /(?<=^ *| {2})[✓✗↩◐○‖~?!+](?= )/gm;

/** ANSI colors around every glyph of a finished text. */
export function paintGlyphs(text: string): string {
  return text.replaceAll(GLYPHS, (glyph) => `\u001b[${COLORS[glyph]}m${glyph}\u001b[0m`);
}
