/*
 * model_compile.c
 *		From the tree of a model to the code of model_internal.h.
 *
 * A condition is compiled into jumps wherever that means the same: the test of
 * `a AND b`, jump if not true, is the test of a, then the test of b, both
 * jumping if not true.  Where PostgreSQL would go on after an unknown a, and b
 * could raise an error, the condition is computed as a value instead.
 *
 * An integer against a numeric constant is compared as integers: x < 7.5 is
 * x < 8, x = 7.5 never holds.
 */
#include "engine/model_internal.h"

/* outcomes of a condition, a set of which makes a test jump */
#define WHEN_FALSE 1
#define WHEN_TRUE 2
#define WHEN_UNKNOWN 4
#define NOT_TRUE (WHEN_FALSE | WHEN_UNKNOWN)
#define NOT_FALSE (WHEN_TRUE | WHEN_UNKNOWN)

#define ALL_ORDERS (CRM_LESS | CRM_EQUAL | CRM_GREATER)

typedef struct Compiler
{
	CrmModel *model;
	int		  code_space;
	int		  slot_space;
	int		  atom_space;
	int		  ladder_space;
	int		  window_space;
	int32_t	 *labels; /* position of each label in the code */
	int		  label_count;
	int		  label_space;
} Compiler;

/* ---- growing lists ---- */

static void *
make_room(void *list, int count, int *space, size_t size)
{
	if (count < *space)
		return list;
	*space = *space == 0 ? 16 : *space * 2;
	return crm_realloc(list, *space * size);
}

static CrmInstruction *
emit(Compiler *compiler, CrmOp op)
{
	CrmModel	   *model = compiler->model;
	CrmInstruction *result;

	model->code = make_room(model->code, model->code_count,
							&compiler->code_space, sizeof(CrmInstruction));
	result = &model->code[model->code_count++];
	*result = (CrmInstruction){.op = op, .jump = -1};
	return result;
}

static int
new_slot(Compiler *compiler)
{
	CrmModel *model = compiler->model;

	model->slots = make_room(model->slots, model->slot_count,
							 &compiler->slot_space, sizeof(CrmSlot));
	model->slots[model->slot_count] = (CrmSlot){.null = false};
	return model->slot_count++;
}

static int
new_label(Compiler *compiler)
{
	compiler->labels = make_room(compiler->labels, compiler->label_count,
								 &compiler->label_space, sizeof(int32_t));
	return compiler->label_count++;
}

static void
set_label(Compiler *compiler, int label)
{
	compiler->labels[label] = compiler->model->code_count;
}

/* a comparison whose flips have to be worked out from its nodes */
static void
add_atom(Compiler *compiler, CrmNode *node)
{
	CrmModel *model = compiler->model;

	if (node->args[0]->clock == CRM_CLOCK_NONE &&
		node->args[1]->clock == CRM_CLOCK_NONE)
		return;
	model->atoms = make_room(model->atoms, model->atom_count,
							 &compiler->atom_space, sizeof(CrmNode *));
	model->atoms[model->atom_count++] = node;
}

/* ---- values ---- */

static int compile_value(Compiler *compiler, CrmNode *node);
static void
compile_test(Compiler *compiler, CrmNode *node, int when, int label);

static int
constant_slot(Compiler *compiler, const CrmNode *node)
{
	int		 slot = new_slot(compiler);
	CrmSlot *constant = &compiler->model->slots[slot];

	constant->null = node->kind == CRM_NODE_NULL;
	constant->number = node->number;
	constant->value = node->value;
	return slot;
}

/* the value of the node as a number */
static int
compile_number(Compiler *compiler, CrmNode *node)
{
	CrmInstruction *convert;
	int				from;
	int				to;

	if (node->kind == CRM_NODE_CONST || node->kind == CRM_NODE_NULL)
		return constant_slot(compiler, node);
	from = compile_value(compiler, node);
	if (node->type == CRM_TYPE_NUMERIC)
		return from;
	to = new_slot(compiler);
	convert = emit(compiler, OP_TO_NUMBER);
	convert->a = from;
	convert->to = to;
	return to;
}

/*
 * Days on which an integer leaves its type's range, or comes back: there an
 * error begins or ends, and with it perhaps a stage.
 */
static void
add_range_atoms(Compiler *compiler, CrmNode *node)
{
	bool	narrow = node->type == CRM_TYPE_INT4;
	int64_t low = narrow ? INT32_MIN : INT64_MIN;
	int64_t high = narrow ? INT32_MAX : INT64_MAX;

	if (node->type == CRM_TYPE_NUMERIC || node->clock == CRM_CLOCK_NONE)
		return;
	add_atom(compiler,
			 crm_node_compare(CRM_LESS, node, crm_node_int(node->type, low)));
	add_atom(compiler, crm_node_compare(CRM_GREATER, node,
										crm_node_int(node->type, high)));
}

static int
compile_arithmetic(Compiler *compiler, CrmNode *node)
{
	static const uint8_t int_op[] = {[CRM_NODE_ADD] = OP_ADD_INT,
									 [CRM_NODE_SUB] = OP_SUB_INT,
									 [CRM_NODE_MUL] = OP_MUL_INT,
									 [CRM_NODE_DIV] = OP_DIV_INT,
									 [CRM_NODE_NEG] = OP_NEG_INT};
	static const uint8_t number_op[] = {[CRM_NODE_ADD] = OP_ADD_NUMBER,
										[CRM_NODE_SUB] = OP_SUB_NUMBER,
										[CRM_NODE_MUL] = OP_MUL_NUMBER,
										[CRM_NODE_DIV] = OP_DIV_NUMBER,
										[CRM_NODE_NEG] = OP_NEG_NUMBER};
	bool				 number = node->type == CRM_TYPE_NUMERIC;
	int					 slots[2] = {0, 0};
	int					 to;
	CrmInstruction		*instruction;

	for (int i = 0; i < node->count; i++)
		slots[i] = number ? compile_number(compiler, node->args[i])
						  : compile_value(compiler, node->args[i]);
	to = new_slot(compiler);
	instruction =
		emit(compiler, number ? number_op[node->kind] : int_op[node->kind]);
	instruction->narrow = node->type == CRM_TYPE_INT4;
	add_range_atoms(compiler, node);
	instruction->a = slots[0];
	instruction->b = slots[1];
	instruction->to = to;
	return to;
}

static void
add_window(Compiler *compiler, const CrmNode *node)
{
	CrmModel *model = compiler->model;

	for (int i = 0; i < model->window_count; i++)
		if (model->windows[i].fact == node->fact &&
			model->windows[i].days == node->value)
			return;
	model->windows = make_room(model->windows, model->window_count,
							   &compiler->window_space, sizeof(CrmWindow));
	model->windows[model->window_count++] =
		(CrmWindow){.fact = node->fact, .days = node->value};
}

static int
compile_fact(Compiler *compiler, const CrmNode *node)
{
	bool			window = crm_fact_is_window(node->fact);
	int				slot = new_slot(compiler);
	CrmInstruction *load =
		emit(compiler, window ? OP_LOAD_WINDOW : OP_LOAD_FACT);

	load->a = (int32_t) node->fact;
	load->value = node->value;
	load->to = slot;
	if (window)
		add_window(compiler, node);
	return slot;
}

/* AND and OR as a value: fold the arguments in, stop when it is decided */
static int
compile_logic_value(Compiler *compiler, CrmNode *node)
{
	bool			conjunction = node->kind == CRM_NODE_AND;
	int				to = new_slot(compiler);
	int				done = new_label(compiler);
	CrmInstruction *instruction = emit(compiler, OP_SET_VALUE);

	instruction->to = to;
	instruction->value = conjunction;
	for (int i = 0; i < node->count; i++)
	{
		int arg = compile_value(compiler, node->args[i]);

		instruction = emit(compiler, conjunction ? OP_AND : OP_OR);
		instruction->to = to;
		instruction->a = arg;
		instruction = emit(compiler, OP_TEST_BOOL);
		instruction->a = to;
		instruction->on = conjunction ? CRM_LESS : CRM_EQUAL;
		instruction->jump = done;
	}
	set_label(compiler, done);
	return to;
}

static int
compile_compare_value(Compiler *compiler, CrmNode *node)
{
	bool number = node->args[0]->type == CRM_TYPE_NUMERIC ||
				  node->args[1]->type == CRM_TYPE_NUMERIC;
	int				slots[2];
	int				to;
	CrmInstruction *instruction;

	for (int i = 0; i < 2; i++)
		slots[i] = number ? compile_number(compiler, node->args[i])
						  : compile_value(compiler, node->args[i]);
	add_atom(compiler, node);
	to = new_slot(compiler);
	instruction = emit(compiler, number ? OP_COMPARE_NUMBER : OP_COMPARE_INT);
	instruction->a = slots[0];
	instruction->b = slots[1];
	instruction->on = (uint8_t) node->value;
	instruction->to = to;
	return to;
}

static void
emit_move(Compiler *compiler, int from, int to)
{
	CrmInstruction *move = emit(compiler, OP_MOVE);

	move->a = from;
	move->to = to;
}

static void
emit_jump(Compiler *compiler, int label)
{
	emit(compiler, OP_JUMP)->jump = label;
}

static void
compile_operand(Compiler *compiler, CrmNode *node)
{
	if (node->operand != NULL)
		node->operand->slot = compile_value(compiler, node->operand->args[0]);
}

static int
compile_case_value(Compiler *compiler, CrmNode *node)
{
	bool number = node->type == CRM_TYPE_NUMERIC;
	int	 to = new_slot(compiler);
	int	 done = new_label(compiler);
	int	 i;

	compile_operand(compiler, node);
	for (i = 0; i + 1 < node->count; i += 2)
	{
		CrmNode *result = node->args[i + 1];
		int		 next = new_label(compiler);

		compile_test(compiler, node->args[i], NOT_TRUE, next);
		emit_move(compiler,
				  number ? compile_number(compiler, result)
						 : compile_value(compiler, result),
				  to);
		emit_jump(compiler, done);
		set_label(compiler, next);
	}
	if (!node->has_else)
		emit(compiler, OP_SET_NULL)->to = to;
	else
		emit_move(compiler,
				  number ? compile_number(compiler, node->args[i])
						 : compile_value(compiler, node->args[i]),
				  to);
	set_label(compiler, done);
	return to;
}

static int
compile_unary(Compiler *compiler, CrmNode *node)
{
	int				arg = compile_value(compiler, node->args[0]);
	int				to = new_slot(compiler);
	CrmInstruction *instruction =
		emit(compiler, node->kind == CRM_NODE_NOT ? OP_NOT : OP_IS_NULL);

	instruction->a = arg;
	instruction->to = to;
	return to;
}

static int
compile_value(Compiler *compiler, CrmNode *node)
{
	switch (node->kind)
	{
		case CRM_NODE_FACT:
			return compile_fact(compiler, node);
		case CRM_NODE_CONST:
		case CRM_NODE_NULL:
			return constant_slot(compiler, node);
		case CRM_NODE_ADD:
		case CRM_NODE_SUB:
		case CRM_NODE_MUL:
		case CRM_NODE_DIV:
		case CRM_NODE_NEG:
			return compile_arithmetic(compiler, node);
		case CRM_NODE_COMPARE:
			return compile_compare_value(compiler, node);
		case CRM_NODE_AND:
		case CRM_NODE_OR:
			return compile_logic_value(compiler, node);
		case CRM_NODE_NOT:
		case CRM_NODE_IS_NULL:
			return compile_unary(compiler, node);
		case CRM_NODE_CASE:
			return compile_case_value(compiler, node);
		case CRM_NODE_OPERAND:
			return node->slot;
		case CRM_NODE_STAGE:
		case CRM_NODE_FREE:
			break;
	}
	crm_fail(CRM_ERROR_INTERNAL, "this node has no value", NULL, NULL);
}

/* ---- tests ---- */

/* the outcomes of a comparison for which a test jumps */
static int
jump_orders(int true_orders, int when)
{
	int on = 0;

	if (when & WHEN_TRUE)
		on |= true_orders;
	if (when & WHEN_FALSE)
		on |= ALL_ORDERS & ~true_orders;
	if (when & WHEN_UNKNOWN)
		on |= CRM_UNKNOWN;
	return on;
}

/* the orders of b against a, of which orders are those of a against b */
static int
mirror(int orders)
{
	int result = orders & CRM_EQUAL;

	if (orders & CRM_LESS)
		result |= CRM_GREATER;
	if (orders & CRM_GREATER)
		result |= CRM_LESS;
	return result;
}

/*
 * An integer against a numeric constant as an integer against the constant's
 * floor: x < 7.5 is x <= 7, x > 7.5 is x > 7, and x = 7.5 never holds.
 */
static bool
integer_bound(const CrmNode *constant, int *orders, int64_t *bound)
{
	crm_i128 floor = constant->number.mantissa;
	bool	 between = false;

	if (constant->number.wide != NULL)
		return false;
	for (int i = 0; i < constant->number.scale && floor != 0; i++)
	{
		between |= floor % 10 != 0;
		floor /= 10;
	}
	if (between && constant->number.mantissa < 0)
		floor--;
	if (floor > INT64_MAX || floor < INT64_MIN)
		return false;
	*bound = (int64_t) floor;
	if (between)
		*orders = (*orders & CRM_LESS ? CRM_LESS | CRM_EQUAL : 0) |
				  (*orders & CRM_GREATER);
	return true;
}

static void
emit_test(Compiler *compiler, CrmOp op, int a, int64_t value, int on, int label)
{
	CrmInstruction *test;

	if (on == 0)
		return;
	test = emit(compiler, op);
	test->a = a;
	test->value = value;
	test->on = (uint8_t) on;
	test->jump = label;
}

/* an integer expression against an integer */
static void
test_integer(Compiler *compiler, CrmNode *node, int64_t value, int on,
			 int label)
{
	int32_t offset;

	if (node->kind != CRM_NODE_FACT || crm_fact_is_window(node->fact))
		emit_test(compiler, OP_TEST_VALUE, compile_value(compiler, node), value,
				  on, label);
	else if (node->fact == CRM_FACT_ORDERS)
		emit_test(compiler, OP_TEST_ORDERS, 0, value, on, label);
	else if (node->fact == CRM_FACT_ORDER_DAYS)
		emit_test(compiler, OP_TEST_ORDER_DAYS, 0, value, on, label);
	else
	{
		offset = crm_clock_offset(node->fact);
		emit_test(compiler, offset < 0 ? OP_TEST_ACTIVE : OP_TEST_CLOCK, offset,
				  value, on, label);
	}
}

/* a fact of money, or a number, against a number */
static void
test_number(Compiler *compiler, CrmNode *left, CrmNode *right, int on,
			int label)
{
	CrmOp			op = OP_TEST_NUMBER;
	int				a = 0;
	int				b;
	CrmInstruction *test;

	if (left->kind == CRM_NODE_FACT && left->fact == CRM_FACT_REVENUE)
		op = OP_TEST_REVENUE;
	else if (left->kind == CRM_NODE_FACT &&
			 left->fact == CRM_FACT_AVERAGE_ORDER &&
			 right->kind == CRM_NODE_CONST)
		op = OP_TEST_AVERAGE;
	else
		a = compile_number(compiler, left);
	b = compile_number(compiler, right);
	test = emit(compiler, op);
	test->a = a;
	test->b = b;
	test->on = (uint8_t) on;
	test->jump = label;
	if (op == OP_TEST_AVERAGE)
		test->real = crm_money_double(right->number);
}

static bool
is_integer(const CrmNode *node)
{
	return node->type == CRM_TYPE_INT4 || node->type == CRM_TYPE_INT8 ||
		   node->type == CRM_TYPE_BOOL;
}

static void
test_integers(Compiler *compiler, CrmNode *left, CrmNode *right, int on,
			  int label)
{
	int				a = compile_value(compiler, left);
	int				b = compile_value(compiler, right);
	CrmInstruction *test = emit(compiler, OP_TEST_INT);

	test->a = a;
	test->b = b;
	test->on = (uint8_t) on;
	test->jump = label;
}

static void
compile_compare_test(Compiler *compiler, CrmNode *node, int when, int label)
{
	CrmNode *left = node->args[0];
	CrmNode *right = node->args[1];
	int		 orders = (int) node->value;
	int64_t	 bound;
	bool	 bounded;
	int		 on;

	if (left->kind == CRM_NODE_CONST && right->kind != CRM_NODE_CONST)
	{
		left = node->args[1];
		right = node->args[0];
		orders = mirror(orders);
	}
	bound = right->value;
	bounded = is_integer(left) && right->kind == CRM_NODE_CONST &&
			  (is_integer(right) || integer_bound(right, &orders, &bound));
	on = jump_orders(orders, when);
	/* a test of a clock tells when it flips, any other is an atom */
	if (!bounded || left->kind != CRM_NODE_FACT)
		add_atom(compiler, node);
	if (bounded)
		test_integer(compiler, left, bound, on, label);
	else if (is_integer(left) && is_integer(right))
		test_integers(compiler, left, right, on, label);
	else
		test_number(compiler, left, right, on, label);
}

static void
compile_null_test(Compiler *compiler, CrmNode *node, int when, int label)
{
	CrmNode *arg = node->args[0];
	int		 on = (when & WHEN_TRUE ? CRM_UNKNOWN : 0) |
			 (when & WHEN_FALSE ? ALL_ORDERS : 0);

	if (arg->kind == CRM_NODE_FACT && is_integer(arg))
		test_integer(compiler, arg, 0, on, label);
	else
		emit_test(compiler, OP_TEST_NULL, compile_value(compiler, arg), 0, on,
				  label);
}

static void
compile_bool_test(Compiler *compiler, CrmNode *node, int when, int label)
{
	int on = (when & WHEN_TRUE ? CRM_EQUAL : 0) |
			 (when & WHEN_FALSE ? CRM_LESS : 0) |
			 (when & WHEN_UNKNOWN ? CRM_UNKNOWN : 0);

	emit_test(compiler, OP_TEST_BOOL, compile_value(compiler, node), 0, on,
			  label);
}

/* PostgreSQL evaluates the arguments after an unknown one: would it matter? */
static bool
rest_raises(const CrmNode *node)
{
	for (int i = 1; i < node->count; i++)
		if (node->args[i]->raises)
			return true;
	return false;
}

/*
 * AND, jump if not true: each argument jumps if not true.  Jump if false: each
 * jumps if false.  Otherwise the first ones jump over the rest when they
 * decide, and the last one is the test.  OR is the same with true and false
 * exchanged.
 */
static void
compile_logic_test(Compiler *compiler, CrmNode *node, int when, int label)
{
	int	 decides = node->kind == CRM_NODE_AND ? WHEN_FALSE : WHEN_TRUE;
	bool jumps_decided = (when & decides) != 0;
	bool jumps_unknown = (when & WHEN_UNKNOWN) != 0;
	bool stops_unknown = jumps_decided == jumps_unknown;
	int	 skip;

	if (stops_unknown && rest_raises(node))
	{
		compile_bool_test(compiler, node, when, label);
		return;
	}
	if (jumps_decided)
	{
		for (int i = 0; i < node->count; i++)
			compile_test(compiler, node->args[i], when, label);
		return;
	}
	skip = new_label(compiler);
	for (int i = 0; i < node->count - 1; i++)
		compile_test(compiler, node->args[i],
					 stops_unknown ? decides | WHEN_UNKNOWN : decides, skip);
	compile_test(compiler, node->args[node->count - 1], when, label);
	set_label(compiler, skip);
}

/* jump to the label if the outcome of the condition is among `when` */
static void
compile_test(Compiler *compiler, CrmNode *node, int when, int label)
{
	int exchanged = when & WHEN_UNKNOWN;

	switch (node->kind)
	{
		case CRM_NODE_COMPARE:
			compile_compare_test(compiler, node, when, label);
			return;
		case CRM_NODE_AND:
		case CRM_NODE_OR:
			compile_logic_test(compiler, node, when, label);
			return;
		case CRM_NODE_NOT:
			exchanged |= (when & WHEN_TRUE ? WHEN_FALSE : 0) |
						 (when & WHEN_FALSE ? WHEN_TRUE : 0);
			compile_test(compiler, node->args[0], exchanged, label);
			return;
		case CRM_NODE_IS_NULL:
			compile_null_test(compiler, node, when, label);
			return;
		default:
			compile_bool_test(compiler, node, when, label);
	}
}

/* ---- stages ---- */

static void
emit_stage(Compiler *compiler, int64_t stage)
{
	int unclassified = compiler->model->stage_count - 1;

	emit(compiler, OP_STAGE)->a = stage < 0 ? unclassified : (int32_t) stage;
}

/* the clock of a ladder, or one that it may have; -1 for none */
static int32_t
ladder_clock(const CrmNode *node, int32_t clock)
{
	int32_t offset;

	if (node->kind != CRM_NODE_FACT || node->clock == CRM_CLOCK_NONE)
		return -1;
	offset = crm_clock_offset(node->fact);
	return clock < 0 || offset == clock ? offset : -1;
}

/*
 * The bound below which a comparison with a constant holds, given that all
 * clocks below `reached` are gone.  False if there is none.
 */
static bool
upper_bound(const CrmNode *condition, int64_t reached, int64_t *bound)
{
	const CrmNode *constant = condition->args[1];
	int			   orders = (int) condition->value;

	*bound = constant->value;
	if (constant->kind != CRM_NODE_CONST ||
		(!is_integer(constant) && !integer_bound(constant, &orders, bound)) ||
		*bound > INT32_MAX || *bound < INT32_MIN)
		return false;
	if (orders == CRM_LESS || orders == (CRM_LESS | CRM_EQUAL))
	{
		*bound += orders & CRM_EQUAL ? 1 : 0;
		return true;
	}
	if (orders == CRM_GREATER)
		(*bound)++;
	else if (orders != (CRM_GREATER | CRM_EQUAL))
		return false;
	/* clock >= bound holds for all that are left, or is no step */
	if (*bound > reached)
		return false;
	*bound = INT64_MAX;
	return true;
}

/*
 * Whether a branch is a step of the ladder so far: `clock < bound THEN ...`,
 * or what holds for every clock that is left, as `clock IS NOT NULL`.
 */
static bool
ladder_step(CrmNode *const *branch, const CrmLadder *ladder, int32_t *offset,
			int64_t *bound)
{
	const CrmNode *condition = branch[0];
	const CrmNode *clock = condition;
	bool		   known = condition->kind == CRM_NODE_NOT &&
				 condition->args[0]->kind == CRM_NODE_IS_NULL;
	int64_t reached =
		ladder->count > 0 ? ladder->bounds[ladder->count - 1] : INT64_MIN;
	int32_t own;

	if (!known && condition->kind != CRM_NODE_COMPARE)
		return false;
	clock = known ? condition->args[0]->args[0] : condition->args[0];
	own = ladder_clock(clock, *offset);
	if (own < 0 || (!known && !upper_bound(condition, reached, bound)))
		return false;
	if (known)
		*bound = INT64_MAX;
	*offset = own;
	return true;
}

/*
 * A ladder over the first branches; stages[i] gets the label of branch i's
 * stage.  The number of branches, 0 if they are too few to be worth it.
 */
static int
compile_ladder(Compiler *compiler, CrmNode *node, int *stages, int *after)
{
	CrmModel	   *model = compiler->model;
	CrmLadder		ladder = {.count = 0};
	CrmInstruction *climb;
	int32_t			offset = -1;
	int64_t			bound;

	while (ladder.count < CRM_LADDER_STEPS &&
		   2 * ladder.count + 1 < node->count &&
		   ladder_step(&node->args[2 * ladder.count], &ladder, &offset, &bound))
	{
		/* a bound below an earlier one is never the first to be unreached */
		if (ladder.count > 0 && bound < ladder.bounds[ladder.count - 1])
			bound = ladder.bounds[ladder.count - 1];
		ladder.bounds[ladder.count++] = bound;
	}
	if (ladder.count < 2)
		return 0;
	for (int i = 0; i < ladder.count; i++)
		ladder.targets[i] = stages[i] = new_label(compiler);
	ladder.targets[ladder.count] = *after = new_label(compiler);
	model->ladders = make_room(model->ladders, model->ladder_count,
							   &compiler->ladder_space, sizeof(CrmLadder));
	model->ladders[model->ladder_count] = ladder;
	climb = emit(compiler, OP_LADDER);
	climb->a = offset;
	climb->b = model->ladder_count++;
	return ladder.count;
}

static void
compile_stage(Compiler *compiler, CrmNode *node)
{
	int stages[CRM_LADDER_STEPS];
	int after;
	int steps;
	int i;

	if (node->kind == CRM_NODE_STAGE)
	{
		emit_stage(compiler, node->value);
		return;
	}
	compile_operand(compiler, node);
	steps = compile_ladder(compiler, node, stages, &after);
	for (i = 0; i + 1 < node->count; i += 2)
	{
		int next = new_label(compiler);

		if (steps > 0 && i / 2 == steps)
			set_label(compiler, after);
		compile_test(compiler, node->args[i], NOT_TRUE, next);
		if (i / 2 < steps)
			set_label(compiler, stages[i / 2]);
		compile_stage(compiler, node->args[i + 1]);
		set_label(compiler, next);
	}
	if (steps > 0 && i / 2 == steps)
		set_label(compiler, after);
	if (node->has_else)
		compile_stage(compiler, node->args[i]);
	else
		emit_stage(compiler, -1);
}

static unsigned
facts_read(const CrmNode *node)
{
	unsigned facts = 0;

	if (node->kind == CRM_NODE_FACT)
		return CRM_FACT_BIT(node->fact);
	if (node->kind == CRM_NODE_OPERAND)
		return 0;
	if (node->operand != NULL)
		facts |= facts_read(node->operand->args[0]);
	for (int i = 0; i < node->count; i++)
		facts |= facts_read(node->args[i]);
	return facts;
}

static void
resolve_labels(Compiler *compiler)
{
	CrmModel *model = compiler->model;

	for (int i = 0; i < model->code_count; i++)
		if (model->code[i].jump >= 0)
			model->code[i].jump = compiler->labels[model->code[i].jump];
	for (int i = 0; i < model->ladder_count; i++)
		for (int j = 0; j <= model->ladders[i].count; j++)
			model->ladders[i].targets[j] =
				compiler->labels[model->ladders[i].targets[j]];
	crm_free(compiler->labels);
}

/* the last of the tabled days stands for all later ones, if they are the same */
static int
tabled_stage(const CrmModel *model, const CrmLadder *ladder, int day)
{
	const CrmInstruction *target;
	int					  reached = 0;

	for (int i = 0; i < ladder->count; i++)
	{
		reached += day >= ladder->bounds[i];
		if (day == CRM_TABLED_DAYS - 1 && ladder->bounds[i] > day &&
			ladder->bounds[i] < INT64_MAX)
			return -1;
	}
	target = &model->code[ladder->targets[reached]];
	return target->op == OP_STAGE ? target->a : -1;
}

/* most models begin with branches on one clock, and end there for most days */
static void
table_first_days(CrmModel *model)
{
	const CrmInstruction *first = model->code;

	model->tabled_clock = -1;
	if (first->op != OP_LADDER || model->stage_count > INT8_MAX)
		return;
	model->tabled_clock = first->a;
	for (int day = 0; day < CRM_TABLED_DAYS; day++)
		model->tabled[day] =
			(int8_t) tabled_stage(model, &model->ladders[first->b], day);
}

static void
begin(Compiler *compiler)
{
	*compiler = (Compiler){.model = crm_alloc(sizeof(CrmModel))};
	*compiler->model = (CrmModel){.stage_count = 0};
}

CrmModel *
crm_model_compile(CrmNode *root, const char *const *stages, int stage_count)
{
	Compiler  compiler;
	CrmModel *model;

	begin(&compiler);
	model = compiler.model;
	model->stage_count = stage_count + 1;
	model->stages = crm_alloc((stage_count + 1) * sizeof(char *));
	for (int i = 0; i < stage_count; i++)
		model->stages[i] = stages[i];
	model->stages[stage_count] = CRM_UNCLASSIFIED;
	model->facts = facts_read(root);
	compile_stage(&compiler, root);
	resolve_labels(&compiler);
	table_first_days(model);
	crm_model_list_flips(model);
	return model;
}

int
crm_condition_evaluate(CrmNode *condition)
{
	static const CrmFacts nobody = {.first_order = CRM_NO_DAY,
									.last_order = CRM_NO_DAY,
									.last_visit = CRM_NO_DAY,
									.registered = CRM_NO_DAY};
	Compiler			  compiler;
	int					  no;
	int					  unknown;

	/* three "stages": 0 true, 1 false, 2 unknown */
	begin(&compiler);
	compiler.model->stage_count = 3;
	no = new_label(&compiler);
	unknown = new_label(&compiler);
	compile_test(&compiler, condition, WHEN_FALSE, no);
	compile_test(&compiler, condition, NOT_TRUE, unknown);
	emit_stage(&compiler, 0);
	set_label(&compiler, no);
	emit_stage(&compiler, 1);
	set_label(&compiler, unknown);
	emit_stage(&compiler, 2);
	resolve_labels(&compiler);
	table_first_days(compiler.model);
	switch (crm_model_evaluate(compiler.model, &nobody, 0))
	{
		case 0:
			return CRM_EQUAL;
		case 1:
			return CRM_LESS;
		default:
			return CRM_UNKNOWN;
	}
}
