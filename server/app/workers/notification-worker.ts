import { defineWorker, type Endpoint } from '../../index.ts'
import { notifications, Room } from '../contracts/room.ts'
import { topicOf } from '../rooms.ts'

/** `every`: milliseconds of a period; each has one round. */
export type NotificationContext = { readonly endpoint: Endpoint; readonly every: number }

/** Says its line in each room of the table, every so often, once in the whole cluster. */
export const NotificationWorker = defineWorker({
  name: 'notification_worker',

  init(context: NotificationContext, worker) {
    worker.sendAfter(context.every, 'tick')
    return context
  },

  handleInfo: {
    async tick(_value, { endpoint, every }, worker) {
      // One node speaks to all; while it cannot be agreed which, each to its own clients.
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
