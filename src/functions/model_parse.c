/*
 * model_parse.c
 *		The parts of a stage model's text, and its way to a program.
 *
 *		CASE WHEN ... END   WITH (a = 7, b)   REQUIRE (a < b)
 *		'-- raw_parser --'  '--- lexer ---'           '- raw_parser -'
 *
 * PostgreSQL's own lexer finds the END that closes the CASE, so quotes,
 * comments and nested CASEs are what they are in SQL.  The expressions are
 * parsed with everything else blanked out: their locations are those of the
 * whole text.  An error tells its place both as a cursor position and, since
 * the position may belong to a literal inside a longer query, in its context.
 *
 * A text without backslashes means the same under every setting of the lexer,
 * so backslashes are refused, and U&'' too, which standard_conforming_strings
 * off would: a model must not change with the session.
 */
#include "postgres.h"

#include "common/keywords.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "parser/scanner.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "compat.h"
#include "functions/model_parse.h"
#include "functions/model_walk.h"

/* the core scanner's codes, in the order in which it demands them */
enum
{
	TOKEN_IDENT = 258,
	TOKEN_UIDENT,
	TOKEN_FCONST,
	TOKEN_SCONST,
	TOKEN_USCONST,
	TOKEN_BCONST,
	TOKEN_XCONST,
	TOKEN_OP,
	TOKEN_ICONST
};

/* keywords get codes of our own, in the order of the server's list */
#define FIRST_KEYWORD 1000

#define PG_KEYWORD(word, value, category, label) KEYWORD_##value,
enum
{
	KEYWORD_BEFORE_FIRST = FIRST_KEYWORD - 1,
#include "parser/kwlist.h"
	KEYWORD_END_OF_LIST
};
#undef PG_KEYWORD

#define PG_KEYWORD(word, value, category, label) KEYWORD_##value,
static const uint16 keyword_tokens[] = {
#include "parser/kwlist.h"
};
#undef PG_KEYWORD

typedef struct Lexer
{
	const CrmModelText *parts;
	core_yyscan_t		scanner;
	core_yy_extra_type	extra;
	core_YYSTYPE		value;
	YYLTYPE				location;
	int					token;
} Lexer;

/* ---- errors ---- */

/* turn a position in the model into one of an internal query, and name it */
static void
model_error_callback(void *arg)
{
	const char *text = arg;
	int			position = geterrposition();
	const char *place = text;
	const char *line_start = text;
	int			line = 1;

	if (position <= 0)
		return;
	errposition(0);
	internalerrposition(position);
	internalerrquery(text);
	for (int i = 1; i < position && *place != '\0'; i++)
	{
		if (*place == '\n')
		{
			line++;
			line_start = place + 1;
		}
		place += pg_mblen(place);
	}
	errcontext("stage model, line %d, column %d: \"%.*s\"", line,
			   pg_mbstrlen_with_len(line_start, (int) (place - line_start)) + 1,
			   pg_mbcliplen(place, (int) strcspn(place, "\r\n"), 40), place);
}

static void
push_callback(ErrorContextCallback *callback, const char *text)
{
	callback->callback = model_error_callback;
	callback->arg = unconstify(char *, text);
	callback->previous = error_context_stack;
	error_context_stack = callback;
}

pg_noreturn static void
syntax_error(const Lexer *lexer, const char *expected)
{
	bool at_end = lexer->token == 0;

	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 at_end
				 ? errmsg("stage model ends too early: %s expected", expected)
				 : errmsg("syntax error in stage model: %s expected", expected),
			 errhint("A model is CASE ... END, then WITH (threshold = number, "
					 "...), then REQUIRE (condition, ...); WITH and REQUIRE "
					 "may be missing."),
			 crm_model_errposition(lexer->parts, lexer->location)));
	pg_unreachable();
}

/* ---- the parts ---- */

static void
next_token(Lexer *lexer)
{
	lexer->token = core_yylex(&lexer->value, &lexer->location, lexer->scanner);
	if (lexer->token == TOKEN_USCONST || lexer->token == TOKEN_UIDENT)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("a stage model can't contain Unicode escapes"),
						errhint("Write the characters themselves."),
						crm_model_errposition(lexer->parts, lexer->location)));
}

static void
expect(Lexer *lexer, int token, const char *name)
{
	if (lexer->token != token)
		syntax_error(lexer, name);
	next_token(lexer);
}

static void
split_case(Lexer *lexer, CrmModelText *parts)
{
	int depth = 0;

	if (lexer->token != KEYWORD_CASE)
		syntax_error(lexer, "CASE");
	parts->case_start = lexer->location;
	for (;; next_token(lexer))
	{
		if (lexer->token == 0)
			syntax_error(lexer, "END");
		if (lexer->token == KEYWORD_CASE)
			depth++;
		if (lexer->token == KEYWORD_END_P && --depth == 0)
			break;
	}
	parts->case_end = lexer->location + (int) strlen("END");
	next_token(lexer);
}

/* a name that prints as it is: neither reserved nor in need of quotes */
static bool
is_plain_name(const char *name)
{
	int keyword = ScanKeywordLookup(name, &ScanKeywords);

	if (keyword >= 0 && ScanKeywordCategories[keyword] != UNRESERVED_KEYWORD)
		return false;
	for (const char *c = name; *c != '\0'; c++)
	{
		bool letter =
			(*c >= 'a' && *c <= 'z') || *c == '_' || IS_HIGHBIT_SET(*c);
		bool digit = (*c >= '0' && *c <= '9') || *c == '$';

		if (!letter && (c == name || !digit))
			return false;
	}
	return *name != '\0';
}

static char *
threshold_name(Lexer *lexer, const CrmModelText *parts)
{
	const char *name;
	CrmFact		fact;

	if (lexer->token == TOKEN_IDENT)
		name = lexer->value.str;
	else if (lexer->token >= FIRST_KEYWORD)
		name = lexer->value.keyword;
	else
		syntax_error(lexer, "name of a threshold");
	if (!is_plain_name(name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("\"%s\" can't be the name of a threshold", name),
				 errhint("Use letters, digits and underscores, and no keyword "
						 "of SQL."),
				 crm_model_errposition(parts, lexer->location)));
	if (crm_fact_from_name(name, &fact))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("\"%s\" is a fact and can't be a threshold", name),
				 crm_model_errposition(parts, lexer->location)));
	for (int i = 0; i < parts->count; i++)
		if (strcmp(parts->thresholds[i].name, name) == 0)
			ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT),
							errmsg("threshold \"%s\" is given twice", name),
							crm_model_errposition(parts, lexer->location)));
	return pstrdup(name);
}

static Numeric
threshold_value(Lexer *lexer)
{
	const char *sign = "";
	char	   *digits;

	if (lexer->token == KEYWORD_NULL_P)
	{
		next_token(lexer);
		return NULL;
	}
	if (lexer->token == '-' || lexer->token == '+')
	{
		sign = lexer->token == '-' ? "-" : "";
		next_token(lexer);
	}
	if (lexer->token == TOKEN_ICONST)
		digits = psprintf("%s%d", sign, lexer->value.ival);
	else if (lexer->token == TOKEN_FCONST)
		digits = psprintf("%s%s", sign, lexer->value.str);
	else
		syntax_error(lexer, "number or NULL");
	next_token(lexer);
	return DatumGetNumeric(
		DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static void
split_thresholds(Lexer *lexer, CrmModelText *parts)
{
	parts->thresholds =
		palloc0(CRM_MODEL_MAX_THRESHOLDS * sizeof(CrmThreshold));
	expect(lexer, '(', "\"(\"");
	for (;;)
	{
		CrmThreshold *threshold = &parts->thresholds[parts->count];

		if (parts->count >= CRM_MODEL_MAX_THRESHOLDS)
			ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
							errmsg("too many thresholds"),
							errhint("A model may have %d thresholds.",
									CRM_MODEL_MAX_THRESHOLDS),
							crm_model_errposition(parts, lexer->location)));
		threshold->name = threshold_name(lexer, parts);
		next_token(lexer);
		threshold->bound = lexer->token == '=';
		if (threshold->bound)
		{
			next_token(lexer);
			threshold->value = threshold_value(lexer);
		}
		parts->count++;
		if (lexer->token != ',')
			break;
		next_token(lexer);
	}
	expect(lexer, ')', "\",\" or \")\"");
}

static void
split_require(Lexer *lexer, CrmModelText *parts)
{
	int depth = 0;

	if (lexer->token != '(')
		syntax_error(lexer, "\"(\"");
	parts->require_start = lexer->location;
	for (;; next_token(lexer))
	{
		if (lexer->token == 0)
			syntax_error(lexer, "\")\"");
		if (lexer->token == '(')
			depth++;
		if (lexer->token == ')' && --depth == 0)
			break;
	}
	parts->require_end = lexer->location + 1;
	next_token(lexer);
}

static bool
is_require(const Lexer *lexer)
{
	return lexer->token == TOKEN_IDENT &&
		   strcmp(lexer->value.str, "require") == 0;
}

static void
split(Lexer *lexer, CrmModelText *parts)
{
	next_token(lexer);
	split_case(lexer, parts);
	if (lexer->token == KEYWORD_WITH)
	{
		next_token(lexer);
		split_thresholds(lexer, parts);
	}
	if (is_require(lexer))
	{
		next_token(lexer);
		split_require(lexer, parts);
	}
	if (lexer->token != 0)
		syntax_error(lexer, parts->require_end ? "end"
							: parts->count	   ? "REQUIRE or end"
											   : "WITH, REQUIRE or end");
}

static void
check_text(const CrmModelText *parts)
{
	const char *backslash = strchr(parts->text, '\\');

	if (strlen(parts->text) > CRM_MODEL_MAX_TEXT)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("text of a stage model is too long"),
				 errdetail("It may have %d bytes.", CRM_MODEL_MAX_TEXT)));
	if (backslash != NULL)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR),
						errmsg("a stage model can't contain a backslash"),
						crm_model_errposition(
							parts, (int) (backslash - parts->text))));
}

CrmModelText *
crm_model_text_split(const char *text)
{
	CrmModelText		*parts = palloc0(sizeof(CrmModelText));
	Lexer				 lexer = {.parts = parts};
	ErrorContextCallback callback;

	parts->text = text;
	push_callback(&callback, text);
	check_text(parts);
	lexer.scanner =
		scanner_init(text, &lexer.extra, &ScanKeywords, keyword_tokens);
	split(&lexer, parts);
	scanner_finish(lexer.scanner);
	error_context_stack = callback.previous;
	return parts;
}

/* ---- parts of the CASE ---- */

static void
begin_lexer(Lexer *lexer, const CrmModelText *parts, const char *text)
{
	*lexer = (Lexer){.parts = parts};
	lexer->scanner =
		scanner_init(text, &lexer->extra, &ScanKeywords, keyword_tokens);
	next_token(lexer);
}

/* what lies between the keyword at `start` and the next such one of its CASE */
static char *
text_between(const CrmModelText *parts, int start, int end_token)
{
	const char *text = parts->text + start;
	Lexer		lexer;
	int			depth = 0;
	int			from;
	int			to;

	begin_lexer(&lexer, parts, text);
	next_token(&lexer);
	from = lexer.location;
	for (to = from; depth > 0 || lexer.token != end_token; to = lexer.location)
	{
		if (lexer.token == KEYWORD_CASE)
			depth++;
		if (lexer.token == KEYWORD_END_P)
			depth--;
		next_token(&lexer);
	}
	scanner_finish(lexer.scanner);
	while (to > from && strchr(" \t\r\n\f", text[to - 1]) != NULL)
		to--;
	return pnstrdup(text + from, to - from);
}

char *
crm_model_text_tested(const CrmModelText *parts, const CrmTested *tested)
{
	char *when = text_between(parts, tested->when_at, KEYWORD_THEN);

	if (!tested->simple)
		return when;
	return psprintf("%s = %s",
					text_between(parts, tested->case_at, KEYWORD_WHEN), when);
}

bool
crm_model_text_names(const char *text, const char *threshold)
{
	bool  found = false;
	Lexer lexer;

	begin_lexer(&lexer, NULL, text);
	for (; lexer.token != 0 && !found; next_token(&lexer))
		found = lexer.token == TOKEN_IDENT
					? strcmp(lexer.value.str, threshold) == 0
					: lexer.token >= FIRST_KEYWORD &&
						  strcmp(lexer.value.keyword, threshold) == 0;
	scanner_finish(lexer.scanner);
	return found;
}

/* ---- printing ---- */

char *
crm_model_text_print(const CrmModelText *parts)
{
	StringInfoData out;

	initStringInfo(&out);
	appendBinaryStringInfo(&out, parts->text + parts->case_start,
						   parts->case_end - parts->case_start);
	for (int i = 0; i < parts->count; i++)
	{
		const CrmThreshold *threshold = &parts->thresholds[i];

		appendStringInfo(&out, "%s%s", i == 0 ? "\nWITH (" : ", ",
						 threshold->name);
		if (!threshold->bound)
			continue;
		appendStringInfo(
			&out, " = %s",
			threshold->value == NULL
				? "NULL"
				: DatumGetCString(DirectFunctionCall1(
					  numeric_out, NumericGetDatum(threshold->value))));
	}
	if (parts->count > 0)
		appendStringInfoChar(&out, ')');
	if (parts->require_end > 0)
	{
		appendStringInfoString(&out, "\nREQUIRE ");
		appendBinaryStringInfo(&out, parts->text + parts->require_start,
							   parts->require_end - parts->require_start);
	}
	return out.data;
}

bool
crm_model_text_same_case(const CrmModelText *a, const CrmModelText *b)
{
	int size = a->case_end - a->case_start;

	return size == b->case_end - b->case_start &&
		   memcmp(a->text + a->case_start, b->text + b->case_start, size) == 0;
}

/* ---- compiling ---- */

/* the expression that stands there; its locations are those of the text */
static Node *
parse_expression(const CrmModelText *parts, int start, int end)
{
	char	   *blanked = pnstrdup(parts->text, end);
	RawStmt	   *statement;
	SelectStmt *select;

	memset(blanked, ' ', start);
	statement = linitial(raw_parser(blanked, RAW_PARSE_PLPGSQL_EXPR));
	select = castNode(SelectStmt, statement->stmt);
	return linitial_node(ResTarget, select->targetList)->val;
}

pg_noreturn static void
require_failed(const CrmModelText *parts, int location)
{
	StringInfoData values;
	const char	  *separator = "";

	initStringInfo(&values);
	for (int i = 0; i < parts->count; i++)
	{
		const CrmThreshold *threshold = &parts->thresholds[i];

		if (threshold->value == NULL)
			continue;
		appendStringInfo(&values, "%s%s = %s", separator, threshold->name,
						 DatumGetCString(DirectFunctionCall1(
							 numeric_out, NumericGetDatum(threshold->value))));
		separator = ", ";
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("thresholds break a condition of the stage model"),
					errdetail("The model says REQUIRE %.*s, but %s.",
							  parts->require_end - parts->require_start,
							  parts->text + parts->require_start, values.data),
					crm_model_errposition(parts, location)));
	pg_unreachable();
}

static bool
conditions_hold(const CrmModelText *parts)
{
	CrmWalk	  walk = {.parts = parts, .conditional = true};
	Node	 *expression;
	List	 *conditions;
	ListCell *cell;

	expression =
		parse_expression(parts, parts->require_start, parts->require_end);
	if (IsA(expression, RowExpr))
		conditions = castNode(RowExpr, expression)->args;
	else
		conditions = list_make1(expression);
	foreach (cell, conditions)
	{
		CrmNode *condition = crm_walk_condition(&walk, lfirst(cell));

		if (crm_condition_evaluate(condition) == CRM_LESS)
			return false;
	}
	return true;
}

bool
crm_model_text_holds(const CrmModelText *parts)
{
	ErrorContextCallback callback;
	bool				 holds;

	if (parts->require_end == 0)
		return true;
	push_callback(&callback, parts->text);
	holds = conditions_hold(parts);
	error_context_stack = callback.previous;
	return holds;
}

void
crm_model_text_require(const CrmModelText *parts)
{
	ErrorContextCallback callback;

	if (crm_model_text_holds(parts))
		return;
	push_callback(&callback, parts->text);
	require_failed(parts, parts->require_start);
}

static CrmModel *
compile(const CrmModelText *parts, bool for_use)
{
	CrmWalk		  walk = {.parts = parts, .for_use = for_use};
	MemoryContext result_context = CurrentMemoryContext;
	MemoryContext parse_context;
	Node		 *expression;
	CrmNode		 *root;
	const char	**stages;
	CrmModel	 *model;
	ListCell	 *cell;

	/* the raw tree goes, the nodes stay with the model */
	parse_context = AllocSetContextCreate(result_context, "stage model parse",
										  ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(parse_context);
	expression = parse_expression(parts, parts->case_start, parts->case_end);
	MemoryContextSwitchTo(result_context);
	root = crm_walk_model(&walk, expression);
	stages = palloc((list_length(walk.stages) + 1) * sizeof(char *));
	foreach (cell, walk.stages)
		stages[foreach_current_index(cell)] = lfirst(cell);
	model = crm_model_compile(root, stages, list_length(walk.stages));
	MemoryContextDelete(parse_context);
	return model;
}

CrmModelLeaves *
crm_model_text_leaves(const CrmModelText *parts, bool for_use)
{
	CrmWalk				 walk = {.parts = parts,
								 .for_use = for_use,
								 .of_leaves = true,
								 .free_thresholds = !for_use};
	CrmModelLeaves		*result = palloc0(sizeof(CrmModelLeaves));
	ErrorContextCallback callback;
	const char		   **names;

	push_callback(&callback, parts->text);
	result->root = crm_walk_model(
		&walk, parse_expression(parts, parts->case_start, parts->case_end));
	result->leaves = walk.leaves;
	names = palloc0(list_length(walk.leaves) * sizeof(char *));
	if (for_use)
		result->model =
			crm_model_compile(result->root, names, list_length(walk.leaves));
	error_context_stack = callback.previous;
	return result;
}

CrmModel *
crm_model_text_compile(const CrmModelText *parts, bool for_use)
{
	ErrorContextCallback callback;
	CrmModel			*model;

	push_callback(&callback, parts->text);
	model = compile(parts, for_use);
	error_context_stack = callback.previous;
	return model;
}
