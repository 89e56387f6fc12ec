/** Return the path of a request's URL, without its query, because the query may contain a token. */
export function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? ''
}
