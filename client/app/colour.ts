/** Colours of names in the style sheet: `hue-0` and so on. */
export const HUES = 8

/** The class that colours a person's name: the same for everybody who sees the person. */
export function hueOf(id: string): string {
  let hash = 0
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0
  return `hue-${hash % HUES}`
}
