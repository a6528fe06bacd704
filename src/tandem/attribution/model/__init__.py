"""How conversions are shared out among the touches that came before them: the rules, without any store."""
