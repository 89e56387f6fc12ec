export {
  type Authorize,
  type Authorized,
  bearerToken,
  type GuardOptions,
  tokenMatcher,
} from '../operator/guard.ts'
export { Admin, type PresenceEntries, type TopicDetails } from './admin.ts'
export { type AdminOptions, admin } from './admin-routes.ts'
export type { TopicCount } from './first-topics.ts'
export type { NodeInfo } from './node-info.ts'
export type { TopicPage, TopicQuery, Topics } from './topics.ts'
