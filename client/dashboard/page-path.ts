/** The path of the dashboard, whatever prefix a proxy or the option `path` gives it. */
export function pagePath(): string {
  return location.pathname.replace(/\/$/, '')
}
