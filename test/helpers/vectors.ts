/** The bytes that hex digits stand for; spaces are for the eye. */
export function hex(digits: string): Uint8Array {
  return Uint8Array.from(digits.match(/[0-9a-f]{2}/g) ?? [], (byte) => Number.parseInt(byte, 16))
}

/** Binary frames of version 2 as recorded from Phoenix, with what they say; `data` is hex too. */
export const recorded = {
  clientPush: [
    {
      frame: '00 01 01 06 08  31 32 726f6f6d3a6d 7265706c7962696e  0102ff',
      message: { joinRef: '1', ref: '2', topic: 'room:m', event: 'replybin', data: '0102ff' },
    },
    {
      frame: '00 01 01 0a 08  31 32 726f6f6d3a6c6f626279 62696e5f6563686f  00ff1080',
      message: { joinRef: '1', ref: '2', topic: 'room:lobby', event: 'bin_echo', data: '00ff1080' },
    },
    {
      frame: '00 01 01 08 08  31 32 726f6f6d3a62696e 62696e5f63617374  0102',
      message: { joinRef: '1', ref: '2', topic: 'room:bin', event: 'bin_cast', data: '0102' },
    },
    {
      frame: '00 01 01 0a 08  35 36 726f6f6d3a6c6f626279 62696e5f70757368',
      message: { joinRef: '5', ref: '6', topic: 'room:lobby', event: 'bin_push', data: '' },
    },
  ],
  serverPush: [
    {
      frame: '00 01 06 02  31 726f6f6d3a6d 7062  010203',
      message: { joinRef: '1', topic: 'room:m', event: 'pb', data: '010203' },
    },
    {
      frame: '00 01 0a 0a  35 726f6f6d3a6c6f626279 62696e5f707573686564',
      message: { joinRef: '5', topic: 'room:lobby', event: 'bin_pushed', data: '' },
    },
  ],
  serverReply: [
    {
      frame: '01 01 01 06 02  31 32 726f6f6d3a6d 6f6b  0102ff',
      message: { joinRef: '1', ref: '2', topic: 'room:m', status: 'ok', data: '0102ff' },
    },
    {
      frame: '01 01 01 0a 02  31 32 726f6f6d3a6c6f626279 6f6b  00ff1080',
      message: { joinRef: '1', ref: '2', topic: 'room:lobby', status: 'ok', data: '00ff1080' },
    },
  ],
  serverBroadcast: [
    { frame: '02 06 02  726f6f6d3a6d 6262  0908', message: { topic: 'room:m', event: 'bb', data: '0908' } },
    {
      frame: '02 08 08  726f6f6d3a62696e 62696e5f63617374  0102',
      message: { topic: 'room:bin', event: 'bin_cast', data: '0102' },
    },
  ],
} as const
