const QUOTE = 0x22
const BACKSLASH = 0x5c
const DIGIT_8 = 0x38
const LETTER_B = 0x62
const LETTER_D = 0x64
const LETTER_U = 0x75
// Bit that distinguishes lower case from upper case, `{` from `[`, and `}` from `]`.
const LOWER_CASE = 0x20
const OPENING = 0x7b
const CLOSING = 0x7d

/** Return true if JSON text nests deeper than `levels`. Called before parsing, which costs far more than this scan. */
export function isDeeperThan(text: string, levels: number): boolean {
  // Fast path for most frames. A level needs an opening and a closing bracket. So a text with at most `levels * 2`
  // characters or at most `levels` opening brackets cannot nest deeper than `levels`.
  if (text.length <= levels * 2) return false
  if (countUpTo(text, '[', levels) + countUpTo(text, '{', levels) <= levels) return false
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === QUOTE) {
      at = endOfString(text, at)
      if (at === -1) return false
    } else if ((unit | LOWER_CASE) === OPENING) {
      depth += 1
      if (depth > levels) return true
    } else if ((unit | LOWER_CASE) === CLOSING) depth -= 1
  }
  return false
}

/** Count a character in a text; stop as soon as the count exceeds `max`. */
function countUpTo(text: string, character: string, max: number): number {
  let count = 0
  for (let at = text.indexOf(character); at !== -1 && count <= max; at = text.indexOf(character, at + 1)) {
    count += 1
  }
  return count
}

/** Index of the closing quote of the string that begins at `start`; -1 if the text has no closing quote. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end
}

function isEscaped(text: string, at: number): boolean {
  let first = at
  while (text.charCodeAt(first - 1) === BACKSLASH) first -= 1
  return (at - first) % 2 === 1
}

const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

/** Returns true if valid JSON text contains an escaped lone surrogate. */
export function hasLoneSurrogateEscape(text: string): boolean {
  if (!SURROGATE_ESCAPE.test(text)) return false
  for (let at = text.indexOf('\\'); at !== -1; at = text.indexOf('\\', at + 2)) {
    const half = escapedHalf(text, at)
    if (half === null) continue
    if (half === 'low' || escapedHalf(text, at + 6) !== 'low') return true
    at += 6
  }
  return false
}

/**
 * Kind of the surrogate whose escape begins at `at`: high (D800 to DBFF) or low (DC00 to DFFF). Null if no escape of a
 * surrogate begins at `at`.
 */
function escapedHalf(text: string, at: number): 'high' | 'low' | null {
  if (text.charCodeAt(at) !== BACKSLASH || text.charCodeAt(at + 1) !== LETTER_U) return null
  if ((text.charCodeAt(at + 2) | LOWER_CASE) !== LETTER_D) return null
  const digit = text.charCodeAt(at + 3) | LOWER_CASE
  if (digit < DIGIT_8) return null
  return digit <= LETTER_B ? 'high' : 'low'
}
