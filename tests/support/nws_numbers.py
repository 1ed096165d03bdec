"""Numbers of the programs of the National Weather Service: SNOW-17 (PACK19) and SAC-SMA (SAC1).

Made from their Fortran as NOAA's Office of Water Prediction publishes it (github.com/NOAA-OWP:
snow17 at 3920a51, sac-sma at 65a3018), compiled in double precision and run by steps of 3 hours
under the weather of a day, a mean of the day each (`_DAILY`: by whole days). SNOW-17 without its
delay of excess water (ROUT19) and with 0.2 mm h-1 as the snowfall that leaves the depletion curve.
Values of every tenth day: rain and melt, runoff, evapotranspiration in mm d-1; snow pack in mm.
"""

import numpy as np

_DAY = np.arange(300)
FIRST_DAY = "2001-11-01"
RAIN = np.clip(9 * np.sin(1.7 * _DAY) + 7 * np.sin(0.61 * _DAY) - 3, 0, None)
TEMPERATURE = 3 - 11 * np.cos(2 * np.pi * (_DAY - 75) / 365) + 4 * np.sin(0.37 * _DAY)
DEMAND = np.clip(0.25 * (TEMPERATURE + 4), 0, None)
LATITUDE, ELEVATION = 45.0, 1500.0
# as published, MFMAX, MFMIN, UADJ and NMF per 6 hours; the areal depletion curve is a line
SNOW_PARAMETERS = dict(
    SCF=1.1, MFMAX=1.1, MFMIN=0.4, UADJ=0.1, SI=120.0, NMF=0.15, TIPM=0.2, MBASE=0.5, PXTEMP=1.0,
    PLWHC=0.05, DAYGM=0.1,
)  # fmt: skip
SAC_PARAMETERS = dict(
    UZTWM=40.0, UZFWM=30.0, UZK=0.4, PCTIM=0.02, ADIMP=0.12, RIVA=0.03, ZPERC=60.0, REXP=1.8,
    LZTWM=90.0, LZFSM=25.0, LZFPM=60.0, LZSK=0.08, LZPK=0.01, PFREE=0.2, SIDE=0.1, RSERV=0.3,
)  # fmt: skip
# UZTWC, UZFWC, LZTWC, LZFSC, LZFPC and ADIMC at the start, mm of their areas
SAC_START = 30.0, 0.0, 60.0, 5.0, 20.0, 80.0
# RUNOFF and EVAPOTRANSPIRATION of a third of the rain and a UZFWM of 4 mm: a step is one increment
LITTLE = dict(UZFWM=4.0)
LIQUID = (
    0, 0.098801, 0.099598, 0.09939, 0.099676, 0.099744, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1,
    0.102668, 16.055464, 7.158748, 10.355916, 12.818314, 0, 1.112823, 12.97967, 1.66514, 0,
    9.767432, 6.660377, 0, 1.346553, 7.896681, 0,
)  # fmt: skip
SNOW = (
    0, 20.946421, 38.611175, 57.796849, 78.629447, 99.720619, 120.205156, 139.600482,
    161.697625, 185.931021, 210.030318, 233.892095, 257.283877, 281.314511, 306.316235,
    224.186048, 214.382345, 32.352411, 6.210866, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
)  # fmt: skip
RUNOFF = (
    0.288447, 0.190865, 0.144693, 0.120981, 0.123198, 0.127161, 0.128423, 0.126219, 0.128088,
    0.130955, 0.22031, 0.414335, 0.276616, 0.309517, 0.248883,
)  # fmt: skip
EVAPOTRANSPIRATION = (
    0.330501, 0.764729, 0, 0.450306, 0, 0, 0, 0, 0.076285, 0, 0, 0, 0, 1.390187, 0,
)  # fmt: skip
RUNOFF_WET = (
    0.303629, 0.25682, 0.221713, 0.219598, 0.452256, 0.63695, 0.806217, 0.747216, 0.997016,
    1.46037, 1.955734, 2.060722, 1.669962, 2.639225, 3.506114,
)  # fmt: skip
RUNOFF_DAILY = (
    0.308551, 0.271859, 0.232605, 0.367039, 0.588267, 0.745872, 0.924374, 0.853605, 1.083083,
    1.506695, 1.900544, 1.679588, 1.663105, 2.831265, 3.424553,
)  # fmt: skip
