/** Number of colour classes in the style sheet, `hue-0` to `hue-7`. */
export const HUES = 8

/** CSS class that colours a person's name. A person has the same colour on every user's page. */
export function hueOf(id: string): string {
  let hash = 0
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0
  return `hue-${hash % HUES}`
}
