import type { Times } from './conversation.ts'
import { readRooms } from './rooms.ts'
import { readSession, type Session } from './session.ts'

/** Maximum number of rooms to list. The user can join any other room by its name. */
const LIMIT = 50
/** Milliseconds to wait for a response. */
const TIMEOUT_MS = 5_000

/** Fetch the rooms that the server lists. Returns null if the request fails. */
export async function fetchRooms(headers: Record<string, string>): Promise<readonly string[] | null> {
  return readRooms(await ask(`api/rooms?limit=${LIMIT}`, { headers }))
}

/** Fetch the times of a room's latest messages. Returns null if the request fails. */
export async function fetchTimes(room: string, headers: Record<string, string>): Promise<Times | null> {
  const answer = await ask(`api/rooms/${encodeURIComponent(room)}/messages`, { headers })
  const { epoch, messages } = Object(answer)
  return typeof epoch === 'string' && Array.isArray(messages) ? { epoch, messages } : null
}

/** Fetch the server's data about the page's token. Returns null if the request fails. */
export async function fetchSession(headers: Record<string, string>): Promise<Session | null> {
  return readSession(await ask('api/session', { headers }))
}

/** Sign in with a name. Returns the new token; null if the request fails, or if the server offers no sign-in. */
export async function signIn(name: string): Promise<string | null> {
  const headers = { 'content-type': 'application/json' }
  const answer = await ask('api/session', { method: 'POST', headers, body: JSON.stringify({ name }) })
  const { token } = Object(answer)
  return typeof token === 'string' ? token : null
}

/** Send a request. Returns the JSON of a successful response, otherwise null. `path` is relative to the page's URL. */
async function ask(path: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    return response.ok ? await response.json() : null
  } catch {
    return null
  }
}
