// A process manager that forks the app by node:cluster, as PM2 does. It passes on the signals that it is told.
import cluster from 'node:cluster'

cluster.setupPrimary({ exec: String(process.env['APP']) })
const worker = cluster.fork()
process.on('message', (signal: NodeJS.Signals) => worker.process.kill(signal))
worker.on('exit', (code, signal) => {
  process.send?.({ code, signal })
  process.disconnect()
})
