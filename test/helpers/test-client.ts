import { connect } from './raw-client.ts'

/** Client that sends literal frames and returns received ones, over any transport. */
export interface TestClient {
  /** Send frames as they stand, in one packet. */
  send(...frames: (string | Uint8Array)[]): Promise<void>
  /** The next frame; rejects when the connection has ended. */
  next(): Promise<string | Buffer>
  /** Nothing comes but the reply to a heartbeat of version 2. */
  nothing(): Promise<void>
  /** Resolves when the server has ended the connection. */
  gone(): Promise<void>
}

/** Connect to the socket at `/socket`, until the end of the test. */
export type ConnectClient = (base: string, query?: string) => Promise<TestClient>

export const connectWebSocket: ConnectClient = async (base, query = 'vsn=2.0.0') => {
  const client = await connect(`${base.replace('http', 'ws')}/socket/websocket?${query}`)
  return {
    send: async (...frames) => client.send(...frames),
    next: () => client.next(),
    nothing: () => client.nothing(),
    gone: async () => void (await client.closed),
  }
}
