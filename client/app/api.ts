import type { Times } from './conversation.ts'
import { readRooms } from './rooms.ts'
import { readSession, type Session } from './session.ts'

/** Rooms that the page shows; the form joins any other. */
const LIMIT = 50
/** Milliseconds after which the page goes on without an answer. */
const TIMEOUT_MS = 5_000

/** The rooms that the server lists; null if it cannot be asked at the moment. */
export async function fetchRooms(headers: Record<string, string>): Promise<readonly string[] | null> {
  return readRooms(await ask(`api/rooms?limit=${LIMIT}`, { headers }))
}

/** The times of a room's latest messages; null while the server cannot be reached. */
export async function fetchTimes(room: string, headers: Record<string, string>): Promise<Times | null> {
  const answer = await ask(`api/rooms/${encodeURIComponent(room)}/messages`, { headers })
  const { epoch, messages } = Object(answer)
  return typeof epoch === 'string' && Array.isArray(messages) ? { epoch, messages } : null
}

/** The session of the page's token; null while the server cannot be reached. */
export async function fetchSession(headers: Record<string, string>): Promise<Session | null> {
  return readSession(await ask('api/session', { headers }))
}

/** Sign in under a name, where the server offers it; gives the token, or null if the server refused. */
export async function signIn(name: string): Promise<string | null> {
  const headers = { 'content-type': 'application/json' }
  const answer = await ask('api/session', { method: 'POST', headers, body: JSON.stringify({ name }) })
  const { token } = Object(answer)
  return typeof token === 'string' ? token : null
}

/** The JSON of a good answer; the path is relative to the page, which may be below a path itself. */
async function ask(path: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    return response.ok ? await response.json() : null
  } catch {
    // The state of the connection is on the page already, and the next call comes soon.
    return null
  }
}
