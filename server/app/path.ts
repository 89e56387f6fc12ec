/** The path of a request's URL: its query, where a token may be, is for nobody's eyes. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}
