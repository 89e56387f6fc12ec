import { defineWorker, type Endpoint } from '../../index.ts'
import { notifications, Room } from '../contracts/room.ts'
import { topicOf } from '../rooms.ts'

/**
 * Context of the worker. `every` is the length of a period in milliseconds. Each period has one round of notifications.
 */
export type NotificationContext = { readonly endpoint: Endpoint; readonly every: number }

/** Sends a text to each room of `notifications` once per period. */
export const NotificationWorker = defineWorker({
  name: 'notification_worker',

  init(context: NotificationContext, worker) {
    worker.sendAfter(context.every, 'tick')
    return context
  },

  handleInfo: {
    async tick(_value, { endpoint, every }, worker) {
      // One node sends to all clients of the cluster. If the engine is down, each node sends to its own clients only.
      const { scope, nextInMs } = await endpoint.engine.claim('notification_worker', every)
      worker.sendAfter(nextInMs, 'tick')
      if (scope === 'nobody') return
      for (const [room, body] of Object.entries(notifications)) {
        if (scope === 'node') endpoint.localBroadcast(Room, topicOf(room), 'new_msg', { body })
        else void endpoint.broadcast(Room, topicOf(room), 'new_msg', { body }, { keep: false })
      }
    },
  },
})
