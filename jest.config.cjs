// Tests import the packages' TypeScript sources; processes that tests start run the built ones.
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts', '<rootDir>/{packages/*,launch}/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/.*/dist', '<rootDir>/.cache'],
  globalSetup: '<rootDir>/test/helpers/setup.ts',
  transform: {
    // Nothing but modules, which Jest cannot require.
    '/node_modules/jose/.+\\.js$': [
      '@swc/jest',
      { jsc: { target: 'es2023' }, module: { type: 'commonjs' } },
    ],
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  transformIgnorePatterns: ['/node_modules/(?!jose/)'],
  moduleNameMapper: {
    '^@tempest/launch$': '<rootDir>/launch/src/index.ts',
    '^tempest-conformance$': '<rootDir>/packages/conformance/src/index.ts',
    '^@tempest/([^/]+)$': '<rootDir>/packages/$1/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // More than the two cores it is made for: most of the time the tests wait for Redis, sockets and processes.
  maxWorkers: 3,
  testSequencer: '<rootDir>/test/helpers/sequencer.cjs',
  // Only a hang ends here: what must happen in time says so in its test, and a starved machine is slow.
  testTimeout: 180_000,
}
