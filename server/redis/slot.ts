const SLOTS = 16_384

/** Slot of a key in a Redis Cluster: CRC-16/XMODEM of the key's hash tag or, without a hash tag, of the whole key. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = key.indexOf('}', open + 1)
  const tag = open === -1 || close <= open + 1 ? key : key.slice(open + 1, close)
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  }
  return (crc & 0xffff) % SLOTS
}
