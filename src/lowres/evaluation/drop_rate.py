"""How much of the teacher's accuracy a student loses (ThumbDet, eq. 11)."""

import math


def drop_rate(teacher_ap: float, student_ap: float) -> float:
    """(A_teacher - A_student) / A_teacher: 0 keeps everything, 1 loses everything, below 0 the student is better.

    Both in the same unit (fractions or percent). Raises `ValueError` if the teacher's is not positive or either is not
    finite.
    """
    if not (math.isfinite(teacher_ap) and math.isfinite(student_ap)):
        raise ValueError(f"drop rate of teacher {teacher_ap} and student {student_ap}: both must be finite numbers")
    if teacher_ap <= 0:
        raise ValueError(
            f"teacher_ap: {teacher_ap} is not positive, so no share of it can be lost; train the teacher first"
        )
    return (teacher_ap - student_ap) / teacher_ap
