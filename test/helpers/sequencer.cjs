// Test files that wait for long begin first, so that nothing has to wait for them in the end.
const { default: Sequencer } = require('@jest/test-sequencer')

const slow =
  /conformance\/test\/(worker|front)|examples\/(conformance|adapters|workers)|scenarios\/25|test\/(start|packages)\.test/

module.exports = class extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests)
    return [
      ...sorted.filter(({ path }) => slow.test(path)),
      ...sorted.filter(({ path }) => !slow.test(path)),
    ]
  }
}
