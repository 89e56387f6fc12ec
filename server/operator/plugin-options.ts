import { anything, object, type Rule, type Rules } from '../../protocol/check.ts'

/** Plugin options that Fastify itself reads. */
const ofFastify = { prefix: anything, logLevel: anything, logSerializers: anything }

/** Create the rule that checks a plugin's options, except `endpoint`, which `checkEndpoint` checks. */
export function pluginOptions<T extends { readonly endpoint: unknown }>(
  rules: Rules<Omit<T, 'endpoint'>>,
): Rule {
  return object<Record<string, unknown>>({ ...rules, ...ofFastify, endpoint: anything })
}
