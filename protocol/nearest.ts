/** The word that was probably meant: it differs in case, in `_`, or in few letters; null if none does. */
export function nearest(word: string, known: readonly string[]): string | null {
  const given = plain(word)
  let found: string | null = null
  let least = Math.min(2, Math.floor(given.length / 3)) + 1
  for (const candidate of known) {
    const distance = distanceOf(given, plain(candidate))
    if (distance >= least) continue
    found = candidate
    least = distance
  }
  return found
}

function plain(word: string): string {
  // Longer words are no names of ours, and the comparison takes the product of both lengths.
  return word.slice(0, 64).toLowerCase().replaceAll(/[_-]/g, '')
}

/** How many letters must be added, removed or replaced to make one word of the other (Levenshtein). */
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
