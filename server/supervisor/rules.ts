import {
  anything,
  boolean,
  callback,
  checkOption,
  faultOf,
  named,
  nonEmptyString,
  nonNegative,
  object,
  oneOf,
  type Rule,
  rule,
} from '../../protocol/check.ts'
import { logger } from '../telemetry/guarded-logger.ts'
import type { SupervisorSpec, WorkerSpec } from './child.ts'
import { type CallOptions, workerDefinition } from './define-worker.ts'
import type { RegistryOptions } from './registry.ts'
import type { SupervisorOptions } from './supervisor.ts'

export const supervisorOptions = object<SupervisorOptions>(
  {
    strategy: oneOf('one_for_one', 'one_for_all', 'rest_for_one'),
    maxRestarts: nonNegative,
    maxSeconds: rule('a number above 0', (value) => typeof value === 'number' && value > 0),
    logger: logger('error', 'warn'),
    onCrash: callback,
  },
  ['strategy'],
)

const restart = oneOf('permanent', 'transient', 'temporary')
const milliseconds = rule(
  '"brutal_kill" or a non-negative number of milliseconds',
  (value) => value === 'brutal_kill' || (typeof value === 'number' && value >= 0),
)
const workerSpec = object<WorkerSpec<unknown>>(
  {
    worker: workerDefinition,
    id: nonEmptyString,
    restart,
    shutdown: milliseconds,
    dynamic: boolean,
    context: anything,
  },
  ['worker'],
  { name: 'the name belongs in `worker: defineWorker({ name, … })`; a child can have an `id`' },
)
const supervisorSpec = object<SupervisorSpec>(
  { supervisor: supervisorOptions, init: callback, id: nonEmptyString, restart },
  ['supervisor', 'init', 'id'],
)
const childSpec: Rule = (spec) => {
  if (workerDefinition(spec) === null) return faultOf('{ worker: defineWorker({ … }) }', spec)
  return Object.hasOwn(Object(spec), 'supervisor') ? supervisorSpec(spec) : workerSpec(spec)
}

export const registryOptions = object<RegistryOptions<unknown, unknown>>(
  { worker: workerDefinition, context: callback, name: nonEmptyString, restart, shutdown: milliseconds },
  ['worker', 'context'],
)

export const callOptions = object<CallOptions>({ timeout: nonNegative })

/** Check the argument of `startChild`. @throws UsageError with `PHX_ERR_OPTION`. */
export function checkSpec(spec: unknown): void {
  checkOption(named('child', spec, 'id'), spec, childSpec)
}
