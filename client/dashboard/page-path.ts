/** Path of the dashboard, with any prefix that a proxy or the option `path` adds. */
export function pagePath(): string {
  return location.pathname.replace(/\/$/, '')
}
