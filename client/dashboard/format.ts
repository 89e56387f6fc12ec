const LOCALE = 'en'

const fine = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 })
const finest = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 })
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 })

const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
const stopwatch = new Intl.DateTimeFormat(LOCALE, { timeStyle: 'medium', hourCycle: 'h23' })

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** Function that formats the values of a plot. */
export type Format = (value: number) => string

/** Format a count. Counts below 100 have at most one decimal. Counts from 100,000 are shortened, as in `123.4K`. */
export function formatCount(value: number): string {
  if (value >= 100_000) return compact.format(value)
  return value < 100 ? fine.format(value) : whole.format(value)
}

/** Format milliseconds. Values from 10,000 are shown in seconds. Values below 1 have at most two decimals. */
export function formatMs(value: number): string {
  if (value >= 10_000) return `${fine.format(value / 1_000)} s`
  const number = value < 1 ? finest : value < 100 ? fine : whole
  return `${number.format(value)} ms`
}

/** Format a number of bytes. 1 kB is 1,000 bytes. */
export function formatBytes(value: number): string {
  let unit = 0
  let scaled = value
  while (scaled >= 1_000 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1_000
    unit += 1
  }
  return `${scaled < 100 && unit > 0 ? fine.format(scaled) : whole.format(scaled)} ${BYTE_UNITS[unit]}`
}

export function formatByteRate(value: number): string {
  return `${formatBytes(value)}/s`
}

/**
 * Format seconds since 1970 as a time of day. `step` is the number of seconds between two labels of a time axis. If
 * `step` is less than 60, the text includes the seconds.
 */
export function formatTime(seconds: number, step: number): string {
  return (step < 60 ? stopwatch : clock).format(seconds * 1_000)
}

/** Format a duration in its two largest units, such as `3 h 12 min`. */
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
