export { type Exactly, type Expected, exactly } from './expected.ts'
export { ExpectationError, JoinRefused, Refused } from './failures.ts'
export { type FakeServer, type FakeServerOptions, type FrameMatcher, fakeServer } from './fake-server.ts'
export type { LoggedFrame } from './frame-log.ts'
export { type HistoryMember, type HistorySuite, historySuite } from './history-suite.ts'
export { pubsubSuite } from './pubsub-suite.ts'
export type { Answer, FakeClient, ScriptedTopic, ScriptHandler, ScriptReply } from './scripted-topic.ts'
export type { MemberOf, PubSubSuite, SuiteMember } from './suite-cluster.ts'
export type { TestChannel, TestPush, TestReply } from './test-channel.ts'
export {
  type RunningTest,
  type TestEndpoint,
  type TestEndpointOptions,
  testEndpoint,
} from './test-endpoint.ts'
export type { ConnectOptions } from './test-request.ts'
export type { TestSocket } from './test-socket.ts'
export { type StartWorkerOptions, startWorker, type TestWorker } from './test-worker.ts'
