/** Create an id of `bytes` random bytes, in hexadecimal. */
export function randomId(bytes: number): string {
  // Do not use `randomUUID`: browsers offer this function only to pages served over HTTPS or from localhost.
  const values = crypto.getRandomValues(new Uint8Array(bytes))
  return Array.from(values, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
