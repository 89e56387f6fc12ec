// Biome formats and lints; ESLint is here for the one thing that needs types: promises nobody waits for.
import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['dist/'] },
  {
    files: ['protocol/**/*.ts', 'server/**/*.ts', 'client/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { project: ['./tsconfig.json', './client/tsconfig.json'] } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      // A method may hand back a promise that never rejects where its interface says void.
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { inheritedMethods: false } }],
      '@typescript-eslint/await-thenable': 'error',
    },
  },
)
