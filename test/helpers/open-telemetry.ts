import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type ContextManager,
  context,
  propagation,
  ROOT_CONTEXT,
  type TextMapPropagator,
  trace,
} from '@opentelemetry/api'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'

/** Register an SDK as an application does, until the end of the test. Returns the spans that have ended. */
export function registerOpenTelemetry(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncContexts())
  propagation.setGlobalPropagator(traceContext)
  onTestFinished(() => {
    trace.disable()
    context.disable()
    propagation.disable()
  })
  return exporter
}

/** As that of `@opentelemetry/context-async-hooks`. */
class AsyncContexts implements ContextManager {
  readonly #store = new AsyncLocalStorage<Context>()

  active(): Context {
    return this.#store.getStore() ?? ROOT_CONTEXT
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    own: Context,
    callback: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#store.run(own, () => callback.call(thisArg as never, ...args))
  }

  bind<T>(_own: Context, target: T): T {
    return target
  }

  enable(): this {
    return this
  }

  disable(): this {
    return this
  }
}

/** As the W3C's, https://www.w3.org/TR/trace-context/, as far as it is read here. */
const traceContext: TextMapPropagator = {
  inject() {},
  extract(parent, carrier, { get }) {
    const [, traceId, spanId, flags] =
      /^00-(.{32})-(.{16})-(..)$/.exec(String(get(carrier, 'traceparent'))) ?? []
    if (traceId === undefined || spanId === undefined) return parent
    return trace.setSpanContext(parent, { traceId, spanId, traceFlags: Number(flags), isRemote: true })
  },
  fields: () => ['traceparent'],
}
