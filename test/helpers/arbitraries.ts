import fc from 'fast-check'

// As fast-check's own unit `binary`, which takes a second to set up.
const character = fc
  .oneof(fc.nat({ max: 0x7f }), fc.nat({ max: 0x10ffff }))
  .map((codePoint) => String.fromCodePoint(codePoint))
  .filter((candidate) => candidate.isWellFormed())

/** Any text that has UTF-8, control characters and astral code points included. */
export const text = fc.string({ unit: character })
/** Text that fits a field of a binary frame. */
export const shortText = fc.string({ unit: character, maxLength: 60 })
/** A reference as clients choose it: a string or null mostly, else a number. */
export const reference = fc.oneof(text, fc.constant(null), fc.integer())

/** Any JSON value, in the form in which it comes back from a parser. */
export const json = fc.jsonValue({ stringUnit: character }).map(reparse)
/** The payload of a push or a broadcast. */
export const payload = fc
  .dictionary(text, fc.jsonValue({ stringUnit: character }), { noNullPrototype: true })
  .map(reparse)
export const bytes = fc.uint8Array({ maxLength: 300 })

/** The five elements of a text frame of version 2. */
export const elements = fc.tuple(reference, reference, text, text, json)

/** The text of a JSON value with a few characters cut out, put in or replaced. */
export const brokenJson = fc
  .tuple(
    fc.oneof(
      elements.map((frame) => JSON.stringify(frame)),
      fc.json(),
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), fc.string({ unit: character, maxLength: 4 })), {
      maxLength: 4,
    }),
  )
  .map(([frame, edits]) => edits.reduce(edit, frame))

function edit(frame: string, [at, length, inserted]: [number, number, string]): string {
  const start = at % (frame.length + 1)
  return frame.slice(0, start) + inserted + frame.slice(start + length)
}

function reparse(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
