import { Line, type LineOptions } from './line.ts'

/** Address of the server that offenders misuse, and its number of rooms. */
export type Target = {
  readonly base: string
  readonly rooms: number
  /** Seed of the random choices of a round: different in each round, but the same in the next run. */
  readonly seed: number
}

/** Misuse by clients. Rejects if the server does not react as it must. */
export type Offence = (target: Target) => Promise<void>

/** Offences by name. */
export type Offences = Readonly<Record<string, Offence>>

/** Create the options of an offender. Offenders share 1,000 addresses, so that no address connects too often. */
export function offender({ base }: Target, n = 0, query = ''): LineOptions {
  return { base, from: `10.3.${n % 4}.${Math.floor(n / 4) % 250}`, query: `vsn=2.0.0${query}` }
}

/** Connect an offender. @throws Error when the connection is refused. */
export async function intrude(target: Target, n = 0, query = ''): Promise<Line> {
  const line = await Line.open(offender(target, n, query))
  if (!line.isOpen) throw new Error(`not let in, but closed with ${await line.ended}`)
  return line
}

/** @throws Error when the found value is not one of the wanted values. */
export function mustBe<T>(found: T, ...wanted: readonly T[]): void {
  if (!wanted.includes(found)) throw new Error(`${found}, and not ${wanted.join(' or ')}`)
}

/** @throws Error when the text lacks this part. */
export function mustHave(text: string | null, part: string): void {
  if (!text?.includes(part)) throw new Error(`${text}, without ${part}`)
}
