/** tempest-conformance: the kit as functions, for a test suite of one's own. */
export type { CaseResult, Report, Verdict } from './report.js'
export { toTap } from './report.js'
export { type FrontRun, runFrontCases } from './front/run.js'
export { runWorkerCases, workerCases, type WorkerRun } from './worker/run.js'
