/** Return the known word that is most similar to `word`, ignoring case, `_` and `-`. Null if no word is similar. */
export function nearest(word: string, known: readonly string[]): string | null {
  const given = normalized(word)
  let found: string | null = null
  let least = Math.min(2, Math.floor(given.length / 3)) + 1
  for (const candidate of known) {
    const distance = distanceOf(given, normalized(candidate))
    if (distance >= least) continue
    found = candidate
    least = distance
  }
  return found
}

function normalized(word: string): string {
  // Cut long words, because the comparison takes time proportional to the product of both lengths. Known words are
  // shorter than 64 characters.
  return word.slice(0, 64).toLowerCase().replaceAll(/[_-]/g, '')
}

/** Levenshtein distance: number of letters to add, remove or replace to turn one word into the other. */
function distanceOf(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [index, letter] of [...a].entries()) {
    const next = [index + 1]
    for (const [at, other] of [...b].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
