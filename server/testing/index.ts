export { type HistoryMember, type HistorySuite, historySuite } from './history-suite.ts'
export { pubsubSuite } from './pubsub-suite.ts'
export type { MemberOf, PubSubSuite, SuiteMember } from './suite-cluster.ts'
