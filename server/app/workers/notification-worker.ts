import { defineWorker, type Endpoint } from '../../index.ts'
import { notifications, Room } from '../contracts/room.ts'
import { topicOf } from '../rooms.ts'

/** `every`: milliseconds between two rounds. */
export type NotificationContext = { readonly endpoint: Endpoint; readonly every: number }

/** Says its line in each room of the table, every so often. */
export const NotificationWorker = defineWorker({
  name: 'notification_worker',

  init(context: NotificationContext, worker) {
    worker.sendAfter(context.every, 'tick')
    return context
  },

  handleInfo: {
    tick(_value, { endpoint, every }, worker) {
      worker.sendAfter(every, 'tick')
      for (const [room, body] of Object.entries(notifications)) {
        void endpoint.broadcast(Room, topicOf(room), 'new_msg', { body })
      }
    },
  },
})
