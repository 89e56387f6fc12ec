export type { Direction as FrameDirection, WireMessage } from './client-codec.ts'
export { type Exactly, type Expected, type ExpectedValue, exactly, type Partly } from './expected.ts'
export { ExpectationError, JoinRefused, Refused, type RefusedFields } from './failures.ts'
export { type FakeServer, type FakeServerOptions, type FrameMatcher, fakeServer } from './fake-server.ts'
export type { LoggedFrame } from './frame-log.ts'
export { type HistoryMember, type HistorySuite, historySuite } from './history-suite.ts'
export { pubsubSuite } from './pubsub-suite.ts'
export type { Answer, FakeClient, ScriptedTopic, ScriptHandler, ScriptReply } from './scripted-topic.ts'
export type { MemberOf, PubSubSuite, SuiteMember } from './suite-cluster.ts'
export type {
  OtherEvent,
  ReceivedPayload,
  ReplyTo,
  SentPayload,
  TestChannel,
  TestPush,
  TestReply,
} from './test-channel.ts'
export {
  type RunningTest,
  type TestEndpoint,
  type TestEndpointOptions,
  testEndpoint,
} from './test-endpoint.ts'
export type { ConnectOptions } from './test-request.ts'
export type { TestParams, TestSocket, TopicOf } from './test-socket.ts'
export { type StartWorkerOptions, startWorker, type TestWorker } from './test-worker.ts'
