import { Line, type LineOptions } from './line.ts'

/** Where offenders come, and how much they have to be to meet a ceiling. */
export type Target = {
  readonly base: string
  readonly rooms: number
  /** Seed of the round's random choices: different in each round, the same in the next run. */
  readonly seed: number
}

/** Something that clients do and must not; throws what was otherwise than it must be. */
export type Offence = (target: Target) => Promise<void>

/** Many of whom each has a name. */
export type Offences = Readonly<Record<string, Offence>>

/** An offender's options: it has one of a thousand addresses, so that none of them connects too often. */
export function offender({ base }: Target, n = 0, query = ''): LineOptions {
  return { base, from: `10.3.${n % 4}.${Math.floor(n / 4) % 250}`, query: `vsn=2.0.0${query}` }
}

/** An offender that is connected. @throws Error when it is not let in. */
export async function intrude(target: Target, n = 0, query = ''): Promise<Line> {
  const line = await Line.open(offender(target, n, query))
  if (!line.isOpen) throw new Error(`not let in, but closed with ${await line.ended}`)
  return line
}

/** @throws Error when what has been found is not among what is wanted. */
export function mustBe<T>(found: T, ...wanted: readonly T[]): void {
  if (!wanted.includes(found)) throw new Error(`${found}, and not ${wanted.join(' or ')}`)
}

/** @throws Error when the text lacks this part. */
export function mustHave(text: string | null, part: string): void {
  if (!text?.includes(part)) throw new Error(`${text}, without ${part}`)
}
