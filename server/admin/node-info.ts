import { type Static, Type } from 'typebox'

export const NodeInfo = Type.Object({
  id: Type.String({ description: 'New with every start, unique in the cluster' }),
  host: Type.String(),
  pid: Type.Integer(),
  version: Type.String({ description: 'Version of Node.js' }),
  startedAt: Type.Number({ description: 'Milliseconds since 1970' }),
})

/** Node of the cluster. `startedAt` is in milliseconds since 1970. `version` is the version of Node.js. */
export type NodeInfo = Readonly<Static<typeof NodeInfo>>
