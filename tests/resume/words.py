"""What the site says to a prompt."""


def words_of(prompt: str, count: int) -> list[str]:
    return [f"{prompt}-{number} 🔦 " for number in range(count)]
