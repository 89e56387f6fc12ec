/** Path of this page as the browser sees it, with any prefix that a proxy adds, and no trailing slash. */
export function pagePath(): string {
  return location.pathname.replace(/\/$/, '')
}
