import { SchemaAST, type SchemaIssue } from "effect"
import type { HttpApiError } from "effect/http-api"
import { type FieldProblem, Problem } from "./Problem.ts"
import type { FieldProblemCode, ProblemCode } from "./ProblemCode.ts"

type Part = HttpApiError.HttpApiSchemaError["kind"]

const codeOfPart: Partial<Record<Part, ProblemCode>> = {
  Params: "not_found",
  Query: "invalid_query",
  Headers: "invalid_header",
  Payload: "invalid_body"
}

// More tell a person nothing, and an array of 10,000 bad ids would be answered with a megabyte.
const fieldProblemsMax = 20

const pointerOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")

/** What a field must be one of that takes named values only, or null. */
const namedValues = (issue: SchemaIssue.Issue): ReadonlyArray<string> => {
  if (issue._tag !== "AnyOf" && issue._tag !== "InvalidType") return []
  const parts: ReadonlyArray<SchemaAST.AST> = SchemaAST.isUnion(issue.ast) ? issue.ast.types : [issue.ast]
  if (!parts.every((part) => SchemaAST.isLiteral(part) || SchemaAST.isNull(part))) return []
  return parts.flatMap((part) => (SchemaAST.isLiteral(part) ? [String(part.literal)] : []))
}

const leafDetail = (issue: SchemaIssue.Issue): string | undefined => {
  const names = namedValues(issue)
  if (names.length > 0) return `is one of ${names.join(", ")}`
  if (issue._tag === "InvalidValue" || issue._tag === "Forbidden") return issue.annotations?.message
  if (issue._tag === "Filter") {
    const { message, description, expected } = issue.filter.annotations ?? {}
    return [message, description, expected].find((text): text is string => typeof text === "string")
  }
  return undefined
}

const leafCode = (issue: SchemaIssue.Issue): FieldProblemCode => {
  if (issue._tag === "MissingKey") return "required"
  if (issue._tag === "UnexpectedKey") return "unknown_field"
  if (issue._tag !== "InvalidType" || namedValues(issue).length > 0) return "invalid_value"
  // Where nothing may stand it is the member that is wrong, not its type.
  return issue.ast._tag === "Never" ? "unknown_field" : "wrong_type"
}

const leafText: Readonly<Record<FieldProblemCode, string>> = {
  required: "is required",
  unknown_field: "is not a field of this request",
  wrong_type: "has the wrong type",
  invalid_value: "is not allowed",
  not_found: "does not exist"
}

type Visit = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>) => ReadonlyArray<FieldProblem>

const visit: Visit = (issue, path) => {
  switch (issue._tag) {
    case "Pointer":
      return visit(issue.issue, [...path, ...issue.path])
    case "Encoding":
      return visit(issue.issue, path)
    case "Composite":
      return issue.issues.flatMap((each) => visit(each, path))
    case "AnyOf":
      return visitAnyOf(issue, path)
    case "Filter": {
      const inner = issue.issue._tag === "Pointer" || issue.issue._tag === "Composite" ? visit(issue.issue, path) : []
      return inner.length > 0 ? inner : [leaf(issue, path)]
    }
    default:
      return [leaf(issue, path)]
  }
}

// Of the members of a union the one that got furthest says most: `null or a text of 20` is told as the text.
const visitAnyOf = (issue: SchemaIssue.AnyOf, path: ReadonlyArray<PropertyKey>): ReadonlyArray<FieldProblem> => {
  if (namedValues(issue).length > 0) return [leaf(issue, path)]
  const told = issue.issues.map((each) => visit(each, path))
  const best = told.find((each) => each.some((one) => one.code !== "wrong_type")) ?? told[0]
  return best === undefined || best.length === 0 ? [leaf(issue, path)] : best
}

// Nothing of the value is repeated: it may be a password.
const leaf = (issue: SchemaIssue.Issue, path: ReadonlyArray<PropertyKey>): FieldProblem => {
  const code = issue._tag === "AnyOf" && namedValues(issue).length === 0 ? "wrong_type" : leafCode(issue)
  return { pointer: pointerOf(path), code, detail: leafDetail(issue) ?? leafText[code] }
}

const malformedJson = "Expected a valid JSON body"

/** What a client is told when a part of its request does not fit the contract. */
export const schemaProblem = (error: HttpApiError.HttpApiSchemaError): Problem => {
  const code = codeOfPart[error.kind]
  if (code === undefined) return new Problem({ code: "internal_error" })
  // A malformed id is answered as one that does not exist.
  if (code === "not_found") return new Problem({ code })
  const issue = error.cause.issue
  if (issue._tag === "InvalidValue" && issue.annotations?.message === malformedJson)
    return new Problem({ code: "malformed_json" })
  return new Problem({ code, errors: visit(issue, []).slice(0, fieldProblemsMax) })
}
