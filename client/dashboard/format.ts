const LOCALE = 'en'

const fine = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 })
const finest = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 })
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 })

const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const stopwatch = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium', hourCycle: 'h23' })

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** How a plot writes its values. */
export type Format = (value: number) => string

/** A number of things, as short as its size allows. */
export function formatCount(value: number): string {
  if (value >= 100_000) return compact.format(value)
  return value < 100 ? fine.format(value) : whole.format(value)
}

/** Milliseconds; of less than one the hundredths too. */
export function formatMs(value: number): string {
  if (value >= 10_000) return `${fine.format(value / 1_000)} s`
  const number = value < 1 ? finest : value < 100 ? fine : whole
  return `${number.format(value)} ms`
}

/** Bytes in units of a thousand. */
export function formatBytes(value: number): string {
  let unit = 0
  let scaled = value
  while (scaled >= 1_000 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1_000
    unit += 1
  }
  return `${scaled < 100 && unit > 0 ? fine.format(scaled) : whole.format(scaled)} ${BYTE_UNITS[unit]}`
}

/** Bytes of a second. */
export function formatByteRate(value: number): string {
  return `${formatBytes(value)}/s`
}

/** The time of day, of seconds since 1970; with its seconds where steps are shorter than a minute. */
export function formatTime(seconds: number, step: number): string {
  return (step < 60 ? stopwatch : clock).format(seconds * 1_000)
}

/** A time in its two largest units, such as `3 h 12 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  const shown = first === -1 ? parts.slice(-1) : parts.slice(first, first + 2)
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ')
}
